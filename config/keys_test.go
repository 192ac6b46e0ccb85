package config

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

const sec = time.Second

// keyRows says of every key what it starts with and what a file makes of it.
// seed marks the keys of the original: their names and defaults are promises.
var keyRows = []struct {
	key    string
	seed   bool
	def    any
	yaml   string
	want   any
	reload Reload
}{
	{"daemonize", true, false, "true", true, ReloadNever},
	{"pid_path", true, "", "a.pid", "a.pid", ReloadNever},
	{"supervisor", true, false, "yes", true, ReloadNever},
	{"disable_sigdump", true, false, "on", true, ReloadLive},
	{"sigdump_dir", false, "/tmp", "/var/dump", "/var/dump", ReloadLive},
	{"sigdump_heap", false, false, "true", true, ReloadLive},
	{"daemon_process_name", true, "", "top", "top", ReloadNever},
	{"chuser", true, "", "1000", "1000", ReloadNever},
	{"chgroup", true, "", "www-data", "www-data", ReloadNever},
	{"chumask", true, NoUmask, "022", Umask(0o22), ReloadNever},
	{"daemonize_error_exit_code", true, 1, "3", 3, ReloadNever},
	{"listen", false, []string(nil), `["tcp://0.0.0.0:80", "[::1]:81"]`, []string{"tcp://0.0.0.0:80", "[::1]:81"}, ReloadNever},
	{"command_sender", true, SenderSignal, ":pipe", SenderPipe, ReloadNever},
	{"orphan_timeout", false, 30 * sec, "5", 5 * sec, ReloadLive},
	{"stop_timeout", false, Never, "2m", 120 * sec, ReloadLive},
	{"server_process_name", true, "", "srv", "srv", ReloadServer},
	{"restart_server_process", true, false, "true", true, ReloadLive},
	{"enable_detach", true, true, "false", false, ReloadLive},
	{"exit_on_detach", true, false, "true", true, ReloadLive},
	{"disable_reload", true, false, "true", true, ReloadLive},
	{"server_restart_wait", true, sec, "2.5", 2500 * time.Millisecond, ReloadLive},
	{"server_detach_wait", true, 10 * sec, "0", time.Duration(0), ReloadLive},
	{"live_restart_order", false, NewFirst, "old_first", OldFirst, ReloadLive},
	{"server_drain_timeout", false, Never, "1h", time.Hour, ReloadLive},
	{"max_generations", false, 3, "5", 5, ReloadLive},
	{"server_heartbeat_interval", true, sec, "0.5", sec / 2, ReloadLive},
	{"server_heartbeat_timeout", true, 180 * sec, "-1", Never, ReloadLive},
	{"server_graceful_kill_interval", true, 15 * sec, "1", sec, ReloadLive},
	{"server_graceful_kill_interval_increment", true, 10 * sec, "0", time.Duration(0), ReloadLive},
	{"server_graceful_kill_timeout", true, Never, "600", 600 * sec, ReloadLive},
	{"server_immediate_kill_interval", true, 10 * sec, "1", sec, ReloadLive},
	{"server_immediate_kill_interval_increment", true, 10 * sec, "3", 3 * sec, ReloadLive},
	{"server_immediate_kill_timeout", true, 600 * sec, "-1", Never, ReloadLive},
	{"worker_type", true, Embedded, ":process", Process, ReloadServer},
	{"workers", true, 1, "0", 0, ReloadLive},
	{"start_worker_delay", true, time.Duration(0), "1.5", 1500 * time.Millisecond, ReloadLive},
	{"start_worker_delay_rand", true, 0.2, "0", 0.0, ReloadLive},
	{"restart_worker_interval", true, time.Duration(0), "7", 7 * sec, ReloadLive},
	{"unrecoverable_exit_codes", true, []int(nil), "[3, 5]", []int{3, 5}, ReloadLive},
	{"stop_immediately_at_unrecoverable_exit", true, false, "true", true, ReloadLive},
	{"restart_strategy", false, StrategyAuto, "all", StrategyAll, ReloadLive},
	{"max_surge", false, 1, "2", 2, ReloadLive},
	{"worker_drain_timeout", false, Never, "90s", 90 * sec, ReloadLive},
	{"worker_ready_after", false, sec, "0", time.Duration(0), ReloadLive},
	{"worker_ready_timeout", false, 60 * sec, "-5", Never, ReloadLive},
	{"worker_progress_timeout", false, 60 * sec, "never", Never, ReloadLive},
	{"drain_wait", false, 100 * time.Millisecond, "0.25", 250 * time.Millisecond, ReloadLive},
	{"restart_backoff", false, 500 * time.Millisecond, "0", time.Duration(0), ReloadLive},
	{"restart_backoff_max", false, 30 * sec, "1m", 60 * sec, ReloadLive},
	{"worker_stable_after", false, 10 * sec, "1", sec, ReloadLive},
	{"max_restarts", false, 10, "0", 0, ReloadLive},
	{"restart_window", false, 60 * sec, "30", 30 * sec, ReloadLive},
	{"on_restart_limit", false, LimitBackoff, "stop", LimitStop, ReloadLive},
	{"supervision_strategy", false, OneForOne, "rest_for_one", RestForOne, ReloadLive},
	{"worker_max_age", false, time.Duration(0), "24h", 24 * time.Hour, ReloadLive},
	{"worker_max_memory", false, int64(0), "512MB", int64(512 << 20), ReloadLive},
	{"worker_max_jobs", false, 0, "1_000", 1000, ReloadLive},
	{"recycle_jitter", false, 0.1, "0.5", 0.5, ReloadLive},
	{"worker_queue_size", false, 1024, "16", 16, ReloadWorkers},
	{"worker_max_message_size", false, int64(1048576), "64k", int64(65536), ReloadWorkers},
	{"worker_process_name", true, "", "worker %d", "worker %d", ReloadLive},
	{"worker_chuser", true, "", "nobody", "nobody", ReloadWorkers},
	{"worker_chgroup", true, "", "65534", "65534", ReloadWorkers},
	{"worker_chumask", true, NoUmask, "0o77", Umask(0o77), ReloadWorkers},
	{"worker_gomaxprocs", false, 0, "2", 2, ReloadWorkers},
	{"worker_scheduling_policy", false, PolicyAuto, "batch", PolicyBatch, ReloadWorkers},
	{"worker_heartbeat_interval", true, sec, "2", 2 * sec, ReloadLive},
	{"worker_heartbeat_timeout", true, 180 * sec, "60", 60 * sec, ReloadLive},
	{"worker_graceful_kill_interval", true, 15 * sec, "1", sec, ReloadLive},
	{"worker_graceful_kill_interval_increment", true, 10 * sec, "1", sec, ReloadLive},
	{"worker_graceful_kill_timeout", true, 600 * sec, "-1", Never, ReloadLive},
	{"worker_immediate_kill_interval", true, 10 * sec, "1", sec, ReloadLive},
	{"worker_immediate_kill_interval_increment", true, 10 * sec, "1", sec, ReloadLive},
	{"worker_immediate_kill_timeout", true, 600 * sec, "-1", Never, ReloadLive},
	{"worker_reload_signal", true, "", "SIGHUP", "HUP", ReloadLive},
	{"socket_reuseport", false, false, "true", true, ReloadNever},
	{"socket_backlog", false, 0, "4096", 4096, ReloadNever},
	{"log", true, "", `"-"`, "-", ReloadLive},
	{"log_level", true, "debug", ":info", "info", ReloadLive},
	{"log_rotate_age", true, 5, "0", 0, ReloadLive},
	{"log_rotate_size", true, int64(1048576), "10MiB", int64(10 << 20), ReloadLive},
	{"log_stdout", true, true, "false", false, ReloadServer},
	{"log_stderr", true, true, "no", false, ReloadServer},
	{"log_format", false, FormatText, "json", FormatJSON, ReloadLive},
	{"log_compress", false, false, "true", true, ReloadLive},
	{"signal_graceful_stop", true, "TERM", "sigwinch", "WINCH", ReloadNever},
	{"signal_immediate_stop", true, "QUIT", "ALRM", "ALRM", ReloadNever},
	{"signal_graceful_restart", true, "USR1", "WINCH", "WINCH", ReloadNever},
	{"signal_immediate_restart", true, "HUP", "WINCH", "WINCH", ReloadNever},
	{"signal_reload", true, "USR2", ":winch", "WINCH", ReloadNever},
	{"signal_detach", true, "INT", "WINCH", "WINCH", ReloadNever},
	{"signal_dump", true, "CONT", "WINCH", "WINCH", ReloadNever},
}

func TestEveryKeyHasARow(t *testing.T) {
	rows := map[string]bool{}
	for _, r := range keyRows {
		rows[r.key] = true
	}
	for _, k := range Keys() {
		if !rows[k.Name] {
			t.Errorf("key %s has no row in keyRows", k.Name)
		}
	}
	if len(rows) != len(Keys()) {
		t.Errorf("%d rows for %d keys", len(rows), len(Keys()))
	}
}

func TestEveryKeyOfTheOriginalsListIsHere(t *testing.T) {
	const list = `daemonize pid_path supervisor disable_sigdump daemon_process_name chuser chgroup chumask
		daemonize_error_exit_code server_process_name restart_server_process enable_detach exit_on_detach
		disable_reload server_restart_wait server_detach_wait workers start_worker_delay
		start_worker_delay_rand restart_worker_interval worker_process_name worker_heartbeat_interval
		worker_heartbeat_timeout worker_graceful_kill_interval worker_graceful_kill_interval_increment
		worker_graceful_kill_timeout worker_immediate_kill_interval worker_immediate_kill_interval_increment
		worker_immediate_kill_timeout unrecoverable_exit_codes stop_immediately_at_unrecoverable_exit
		worker_reload_signal log log_level log_rotate_age log_rotate_size log_stdout log_stderr`
	seed := map[string]bool{}
	for _, r := range keyRows {
		seed[r.key] = r.seed
	}
	keys := strings.Fields(list)
	for _, key := range keys {
		if !seed[key] {
			t.Errorf("%s is not a key of the original in keyRows", key)
		}
	}
	if _, ok := ignoredKey("logger_class"); !ok || len(keys) != 38 {
		t.Errorf("%d keys beside logger_class, want 38", len(keys))
	}
}

func TestKeys(t *testing.T) {
	for _, r := range keyRows {
		t.Run(r.key, func(t *testing.T) {
			def, c := Default(), Default()
			if runtime.GOOS == "windows" && r.key == "command_sender" {
				r.def = SenderPipe
			}
			if got := fieldByName(&def, r.key); !reflect.DeepEqual(got, r.def) {
				t.Errorf("default %#v, want %#v", got, r.def)
			}
			if got := byKey()[r.key].reload; got != r.reload {
				t.Errorf("reload %s, want %s", got, r.reload)
			}
			if err := c.MergeBytes("a.yml", []byte(r.key+": "+r.yaml+"\n")); err != nil {
				t.Fatal(err)
			}
			if got := fieldByName(&c, r.key); !reflect.DeepEqual(got, r.want) {
				t.Errorf("from a file %#v, want %#v", got, r.want)
			}
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
			if got, ok := c.Get(r.key); !ok || !reflect.DeepEqual(got, r.want) {
				t.Errorf("Get: %#v, want %#v", got, r.want)
			}
			changes := Diff(def, c)
			if len(changes) != 1 || changes[0].Key != r.key || changes[0].Reload != r.reload {
				t.Errorf("diff %v", changes)
			}
		})
	}
}

// TestEveryKeyFromElsewhere gives each key's value by the environment and by
// Set: both mean what the file means.
func TestEveryKeyFromElsewhere(t *testing.T) {
	for _, r := range keyRows {
		env, set := Default(), Default()
		value := strings.NewReplacer(`"`, "").Replace(r.yaml)
		if r.key == "listen" {
			value = "tcp://0.0.0.0:80, [::1]:81"
		}
		if errs := applyEnv(&env, []string{EnvPrefix + strings.ToUpper(r.key) + "=" + value}); len(errs) > 0 {
			t.Errorf("%s: %v", r.key, errs)
		}
		if got := fieldByName(&env, r.key); !reflect.DeepEqual(got, r.want) {
			t.Errorf("%s from the environment: %#v, want %#v", r.key, got, r.want)
		}
		set.Set(r.key, r.want)
		if got := fieldByName(&set, r.key); !reflect.DeepEqual(got, r.want) {
			t.Errorf("%s by Set: %#v, want %#v", r.key, got, r.want)
		}
		if err := set.Validate(); err != nil {
			t.Errorf("%s by Set: %v", r.key, err)
		}
		set.Set(r.key, nil)
		if d := Diff(Default(), set); len(d) > 0 {
			t.Errorf("%s: nil is not the default: %v", r.key, d)
		}
	}
}

// TestTags holds the struct's tags against each other and against the names.
func TestTags(t *testing.T) {
	st := reflect.TypeFor[Config]()
	n := 0
	for i := range st.NumField() {
		f := st.Field(i)
		if !f.IsExported() {
			continue
		}
		key := f.Tag.Get("yaml")
		if camel(key) != f.Name {
			t.Errorf("field %s has the key %s", f.Name, key)
		}
		g := fields[n]
		n++
		if g.key != key {
			t.Fatalf("row %d of the table is %s, want %s", n-1, g.key, key)
		}
		switch g.reload {
		case ReloadLive, ReloadWorkers, ReloadServer, ReloadNever:
		default:
			t.Errorf("%s: reload %q", key, g.reload)
		}
		if _, isDuration := g.at(&Config{}).(*time.Duration); g.never && !isDuration {
			t.Errorf("%s: allow never on no duration", key)
		}
		if f.Type.Kind() == reflect.Float64 && g.max == 0 {
			t.Errorf("%s: a ratio without a bound", key)
		}
		if len(g.doc) < 10 || !strings.HasSuffix(g.doc, ".") || strings.Contains(g.doc, "|") {
			t.Errorf("%s: its sentence is %q", key, g.doc)
		}
		if g.group == "" {
			t.Errorf("%s has no group", key)
		}
	}
	if n != len(fields) {
		t.Errorf("%d fields, %d rows", n, len(fields))
	}
}

func camel(key string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(key, "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// fieldByName reads a field past the table under test.
func fieldByName(c *Config, key string) any {
	return reflect.ValueOf(c).Elem().FieldByName(camel(key)).Interface()
}

// TestNoTwoKeysLookAlike keeps a typing mistake in one key from meaning another.
func TestNoTwoKeysLookAlike(t *testing.T) {
	for i := range fields {
		for j := range i {
			if a, b := fields[i].key, fields[j].key; distance(a, b, 3) < 2 {
				t.Errorf("%s and %s differ in one letter", a, b)
			}
		}
	}
}
