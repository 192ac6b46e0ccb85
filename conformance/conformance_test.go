//go:build linux

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if code, other := role(os.Args); other { // the test binary is also the program under test
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func ourSide(t *testing.T) (scratch string, ours side) {
	t.Helper()
	scratch, ours, err := prepare()
	t.Cleanup(func() { _ = os.RemoveAll(scratch) }) // in /tmp, at worst
	if err != nil {
		t.Fatal(err)
	}
	return scratch, ours
}

// TestStories plays every story on our side, some at a time, and reports each as a test.
func TestStories(t *testing.T) {
	stories, err := loadStories()
	if err != nil {
		t.Fatal(err)
	}
	scratch, ours := ourSide(t)
	all := selection{pattern: regexp.MustCompile(""), short: testing.Short()}.variants(stories)
	if raceEnabled { // each process takes ten times as long: one variant of each story
		all = onePerStory(all)
	}
	results := make([]result, len(all))
	playAll(all, ours, scratch, func(i int, r result) { results[i] = r })
	for _, r := range results {
		t.Run(r.variant.String(), func(t *testing.T) {
			switch r.verdict {
			case broken:
				t.Error(r.detail)
			case differs, skipped:
				t.Skip(r.detail)
			}
		})
	}
}

// onePerStory takes another one from story to story, so that all worker types are there.
func onePerStory(all []variant) []variant {
	of := map[*story][]variant{}
	for _, v := range all {
		of[v.story] = append(of[v.story], v)
	}
	var some []variant
	for _, v := range all {
		if its := of[v.story]; its[len(some)%len(its)] == v {
			some = append(some, v)
			of[v.story] = []variant{{}} // done
		}
	}
	return some
}

// TestChaos is a short run of what "conformance chaos" does for as long as one likes.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	scratch, ours := ourSide(t)
	var out strings.Builder
	err := runChaos(chaosOptions{seed: 1, length: 5 * time.Second, workers: 3, clients: 4, out: &out}, scratch, ours)
	t.Log(out.String())
	if err != nil {
		t.Error(err)
	}
}

// TestEveryKeyHasAStory: the README's keys, each of which some story sets.
func TestEveryKeyHasAStory(t *testing.T) {
	stories, err := loadStories()
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{"supervisor": true, "worker_type": true} // of each variant
	for _, s := range stories {
		for _, one := range s.settings {
			set[one.key] = true
		}
	}
	for _, key := range strings.Fields(`daemonize pid_path supervisor disable_sigdump daemon_process_name chuser chgroup chumask
		daemonize_error_exit_code server_process_name restart_server_process enable_detach exit_on_detach disable_reload
		server_restart_wait server_detach_wait workers start_worker_delay start_worker_delay_rand restart_worker_interval
		worker_process_name worker_heartbeat_interval worker_heartbeat_timeout worker_graceful_kill_interval
		worker_graceful_kill_interval_increment worker_graceful_kill_timeout worker_immediate_kill_interval
		worker_immediate_kill_interval_increment worker_immediate_kill_timeout unrecoverable_exit_codes
		stop_immediately_at_unrecoverable_exit worker_reload_signal command_sender log log_level log_rotate_age
		log_rotate_size log_stdout log_stderr my_logger`) { // logger_class is code: my_logger has it set
		if !set[key] {
			t.Errorf("no story sets %s", key)
		}
	}
}

// TestEverySignalHasAStory: each signal to the top, with each worker type, with and without
// a supervisor.
func TestEverySignalHasAStory(t *testing.T) {
	stories, err := loadStories()
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string]bool{}
	for i := range stories {
		for _, step := range stories[i].steps {
			for _, v := range stories[i].variants() {
				if name, ok := strings.CutSuffix(step.text, " to the top"); ok {
					sent[strings.TrimPrefix(name, "send ")+" "+v.how()] = true
				}
			}
		}
	}
	for _, name := range strings.Fields("TERM QUIT USR1 HUP USR2 INT CONT KILL") {
		for _, v := range (&story{types: strings.Fields("embedded thread process spawn"), supervised: []bool{false, true}}).variants() {
			if !sent[name+" "+v.how()] {
				t.Errorf("no story sends %s with %s", name, v.how())
			}
		}
	}
}
