//go:build unix

package procbridge

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// A program that knows nothing but the page in doc.go is a full child.
func TestWorkerInAnotherLanguage(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	clean(t)
	start := func() *child {
		p, err := Start(Command{Path: python, Args: []string{"python3", "testdata/worker.py"}, Wire: true, Stderr: os.Stderr})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Kill() })
		c := &child{p, t}
		if h, ok := c.event().(Frame); !ok || h.Event.(messages.Hello).Build != "python" {
			t.Fatalf("the first event is %+v", h)
		}
		frame[messages.Ready](c)
		return c
	}
	c := start()
	from := c.LastSeen()
	c.Send(messages.Begin{Version: 1, Config: []byte("workers: 1\n")})
	c.Deliver(messages.Deliver{ID: 4, Slot: 2, Type: "text", Body: []byte("hello")})
	if r := frame[messages.Reply](c); r.ID != 4 || r.Type != "text" || string(r.Body) != "slot 2 heard hello" {
		t.Fatalf("the reply is %+v", r)
	}
	eventually(t, "beats are seen", func() bool { return c.LastSeen().Sub(from) > 200*time.Millisecond })
	c.Send(graceful)
	c.wantExit(messages.ExitReturned, 0)

	orphan := start()
	orphan.CloseLifeline()
	orphan.wantExit(messages.ExitReturned, 7)
}
