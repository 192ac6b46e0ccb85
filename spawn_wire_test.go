//go:build unix

package serverengine_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go"
)

func init() { roles["wire program"] = playWire }

// howVar says how a program of the wire misbehaves, in its tree's first life.
const howVar = "SERVERENGINE_TEST_HOW"

// Frames of the wire, by number: this program shares no code with its parent.
const (
	frameBegin, frameConfigure, frameStop, frameDeliver                           = 1, 2, 3, 11
	frameHello, frameReady, frameBeat, frameProgress, frameConfigSeen, frameReply = 64, 65, 66, 67, 69, 71
)

// wireProgram is a full worker that was written from the text of the protocol.
type wireProgram struct {
	down, up *os.File
	mu       sync.Mutex // of writes to up
	silent   bool       // no more beats
}

func (w *wireProgram) send(kind byte, body string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if kind == frameBeat && w.silent {
		return
	}
	header := append([]byte{'S', 'E', 1, kind}, binary.BigEndian.AppendUint32(nil, uint32(len(body)))...)
	if _, err := w.up.Write(append(header, body...)); err != nil {
		os.Exit(0) // the parent is gone
	}
}

func (w *wireProgram) read() (kind byte, body []byte, err error) {
	var header [8]byte
	if _, err := io.ReadFull(w.down, header[:]); err != nil {
		return 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(header[4:]))
	_, err = io.ReadFull(w.down, body)
	return header[3], body, err
}

func (w *wireProgram) hush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = true
}

// playWire misbehaves once, and then is a good worker.
func playWire() {
	var grant struct{ Down, Up uintptr }
	if err := json.Unmarshal([]byte(os.Getenv("SERVERENGINE_BRIDGE")), &grant); err != nil {
		fmt.Println("no bridge:", err)
		os.Exit(1)
	}
	w := &wireProgram{down: os.NewFile(grant.Down, "down"), up: os.NewFile(grant.Up, "up")}
	how := os.Getenv(howVar)
	if how != "behaves" && !firstTime("wire program") {
		how = "behaves"
	}
	fmt.Printf("here: pid=%d ppid=%d how=%q\n", os.Getpid(), os.Getppid(), how)
	if early := wireTricks[how]; early != nil {
		early(w)
	}
	w.send(frameHello, fmt.Sprintf(`{"Min":1,"Max":1,"Build":"a foreign program","Pid":%d}`, os.Getpid()))
	if late := lateWireTricks[how]; late != nil {
		late(w)
	}
	w.serve(how)
}

// firstTime reports whether this is the first call with this name in the whole tree.
func firstTime(name string) bool {
	f, err := os.OpenFile(filepath.Join(os.Getenv(treeVar), name+" was here"), os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		f.Close()
	}
	return err == nil
}

// wireTricks come before Hello, lateWireTricks after it.
var wireTricks = map[string]func(*wireProgram){
	"wrong version":      func(w *wireProgram) { w.send(frameHello, `{"Min":7,"Max":9,"Build":"tomorrow","Pid":4}`); select {} },
	"no Hello":           func(w *wireProgram) { w.send(frameReady, ""); select {} },
	"says nothing":       func(*wireProgram) { forever() },
	"exits before Hello": func(*wireProgram) { fmt.Println("there is no database"); os.Exit(5) },
}

var lateWireTricks = map[string]func(*wireProgram){
	"garbage": func(w *wireProgram) { fmt.Fprintln(w.up, "DEBUG: a print to the wrong place"); forever() },
	"half a frame": func(w *wireProgram) {
		w.send(frameReady, "")
		fmt.Fprint(w.up, "SE\x01\x44\x00\x00\x00\x10{\"N\"")
		forever()
	},
	"closes 3 and 4": func(w *wireProgram) { w.send(frameReady, ""); w.down.Close(); w.up.Close(); forever() },
	"mute":           func(w *wireProgram) { w.hush() },
	"exits as told":  func(w *wireProgram) { w.send(frameReady, ""); os.Exit(9) },
	"deaf": func(w *wireProgram) {
		w.send(frameReady, "")
		go w.beat()
		printSignals()
	},
}

// forever is not select{}, which the runtime would take for a dead-lock.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// printSignals ends by none but KILL.
func printSignals() {
	got := make(chan os.Signal, 16)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGQUIT)
	for s := range got {
		fmt.Printf("got %s\n", map[os.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGQUIT: "QUIT"}[s])
	}
}

func (w *wireProgram) beat() {
	for range time.Tick(50 * time.Millisecond) {
		w.send(frameBeat, "")
	}
}

// serve does what it is told.
func (w *wireProgram) serve(how string) {
	go w.beat()
	for {
		kind, body, err := w.read()
		if err != nil {
			fmt.Println("the parent is gone")
			os.Exit(0)
		}
		switch kind {
		case frameBegin:
			var b struct{ Incarnation string }
			fmt.Println("began as", b.Incarnation, json.Unmarshal(body, &b))
			w.send(frameReady, "")
		case frameConfigure:
			var c struct{ Version int }
			fmt.Println("configured", json.Unmarshal(body, &c))
			w.send(frameConfigSeen, fmt.Sprintf(`{"Version":%d}`, c.Version))
			if how == "stops beating" {
				w.hush()
			}
		case frameDeliver:
			name := 13 + int(body[12])
			w.send(frameReply, string(body[:8])+"\x00"+string(body[12:name])+"heard: "+string(body[name:]))
		case frameStop:
			fmt.Printf("told to stop: %s\n", body)
			os.Exit(0)
		}
	}
}

// wire is a program of the wire that misbehaves like this.
func wire(t *testing.T, how string) serverengine.Command {
	t.Helper()
	c := playing(t, "wire program", howVar+"="+how)
	c.Wire = true
	return c
}

// silence shows soon, and yet no process is taken for silent that a busy machine lets wait.
var silence = keys{"worker_heartbeat_timeout": "3s"}

// judged has a quick ladder for what misbehaves.
func judged(more keys) keys {
	settings := keys{"restart_worker_interval": 0, "worker_heartbeat_interval": "100ms"}
	for _, m := range []keys{quick, more} {
		for k, v := range m {
			settings[k] = v
		}
	}
	return settings
}

// Whatever a program of the wire does, the log says it clearly, the program is gone and
// another one serves.
func TestWireProgramThatMisbehavesIsReplaced(t *testing.T) {
	t.Parallel()
	for how, want := range map[string][]string{
		"wrong version":      {"hello from pid", "(tomorrow, protocol 7 to 9), we speak 1 to 1: build both from one version", "worker exited unexpectedly: refused"},
		"no Hello":           {"the child wrote what is no frame", "Hello", "worker exited unexpectedly: refused"},
		"says nothing":       {"worker is to be ended: no heartbeat for", "SIGQUIT: quit", "worker exited unexpectedly: exit 2"},
		"exits before Hello": {"there is no database", "worker exited unexpectedly: exit 5", "its last output before it was ready:"},
		"exits as told":      {"worker exited unexpectedly: exit 9"},
		"garbage":            {`the child wrote what is no frame`, `"DEBUG: a print to the wrong place\n"; it is killed`, "worker exited unexpectedly: refused: it wrote what is no frame"},
		"half a frame":       {"worker is to be ended: no heartbeat for", "SIGQUIT: quit", "worker exited unexpectedly: exit 2: no heartbeat"},
		"closes 3 and 4":     {"worker is to be ended: it closed its pipe", "SIGQUIT: quit", "worker exited unexpectedly: exit 2: it closed its pipe"},
		"mute":               {"worker is to be ended: no heartbeat for", "SIGQUIT: quit", "worker exited unexpectedly: exit 2: no heartbeat"},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			var limits keys
			if contains(want[0], "no heartbeat") {
				limits = silence
			}
			tr := spawn(t, wire(t, how), judged(limits))
			for _, text := range want {
				tr.saysOf("1.0.1", text)
			}
			tr.saysOf("1.0.2", "worker ready")
			tr.signal(syscall.SIGTERM)
			tr.exits(0)
			tr.saysOf("1.0.2", `told to stop: {"Mode":"graceful","Reason":"TERM"}`)
			tr.saysOf("1.0.2", "worker exited: exit 0")
		})
	}
}

// A program that has been well and then stops beating is replaced too.
func TestWireProgramThatStopsBeatingIsReplaced(t *testing.T) {
	t.Parallel()
	tr := spawn(t, wire(t, "stops beating"), judged(silence))
	tr.serving(1)
	tr.signal(syscall.SIGUSR2)
	tr.saysOf("1.0.1", "configured")
	tr.saysOf("1.0.1", "worker is to be ended: no heartbeat for")
	tr.saysOf("1.0.2", "worker ready")
}

func TestDeafWireProgramIsKilledByTheLadder(t *testing.T) {
	t.Parallel()
	tr := spawn(t, wire(t, "deaf"), judged(nil))
	tr.serving(1)
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
	tr.saysOf("1.0.1", "worker exited: signal KILL")
	tr.ordered("got TERM", "got QUIT", "worker exited")
}

// A program of the wire sees its parent's end as the end of file.
func TestWireProgramEndsWithItsServer(t *testing.T) {
	t.Parallel()
	tr := spawnToBeKilled(t, wire(t, "behaves"), "30s")
	tr.serving(1)
	tr.kill(tr.pid, syscall.SIGKILL)
	tr.gone()
	eventually(t, "all processes are gone", func() bool { return len(tr.family()) == 0 })
}
