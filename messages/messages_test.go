package messages

import (
	"encoding/json"
	"testing"
)

func TestIncarnationIsOneWordThatReadsBack(t *testing.T) {
	for _, c := range []struct {
		in   Incarnation
		want string
	}{
		{Incarnation{1, 0, 2}, "1.0.2"},
		{ServerIncarnation(7), "7"},
	} {
		if got := c.in.String(); got != c.want {
			t.Errorf("%+v reads %q, want %q", c.in, got, c.want)
		}
		b, err := json.Marshal(c.in)
		if err != nil {
			t.Fatal(err)
		}
		var back Incarnation
		if err := json.Unmarshal(b, &back); err != nil || back != c.in {
			t.Errorf("%s came back as %+v, %v", b, back, err)
		}
	}
}

func TestIncarnationRefusesWhatIsNone(t *testing.T) {
	for _, s := range []string{"", "1.2", "a", "1.-1.2", "1.2.3.4", "1..2", "+1", "+1.0.1", "1.00.1", "1.-0.1", "01", "1.0.1\n", "1.0.99999999999999999999"} {
		if v, err := ParseIncarnation(s); err == nil {
			t.Errorf("%q was taken as %+v", s, v)
		}
	}
}

func TestModeIsAWord(t *testing.T) {
	b, err := json.Marshal(Stop{Mode: Immediate, Reason: "QUIT"})
	if err != nil || string(b) != `{"Mode":"immediate","Reason":"QUIT"}` {
		t.Fatalf("%s, %v", b, err)
	}
	var s Stop
	if err := json.Unmarshal([]byte(`{"Mode":"soon"}`), &s); err == nil {
		t.Fatal("an unknown mode was taken")
	}
}

// The seed's table is a promise to operators; a change here is a change of the product.
func TestSignalTableIsTheSeeds(t *testing.T) {
	want := map[string]string{
		"TERM": "graceful stop", "QUIT": "immediate stop", "USR1": "graceful restart", "HUP": "immediate restart",
		"USR2": "reload", "INT": "interrupt", "CONT": "dump", "TTIN": "scale by +1", "TTOU": "scale by -1",
	}
	got := DefaultSignals()
	if len(got) != len(want) {
		t.Errorf("%d signals, want %d", len(got), len(want))
	}
	for name, w := range want {
		if got[name] == nil || got[name].String() != w {
			t.Errorf("%s means %v, want %s", name, got[name], w)
		}
	}
}

func TestExitReadsWell(t *testing.T) {
	for _, c := range []struct {
		e    Exit
		want string
	}{
		{Exit{Cause: ExitReturned}, "exit 0"},
		{Exit{Cause: ExitReturned, Code: 3}, "exit 3"},
		{Exit{Cause: ExitSignal, Code: 137, Signal: "KILL"}, "signal KILL"},
		{Exit{Cause: ExitError, Code: 1, Detail: "port busy"}, "error: port busy"},
		{Exit{Cause: ExitError, Code: 5, Detail: "port busy"}, "error with exit 5: port busy"},
		{Exit{Cause: ExitPanic, Detail: "boom"}, "panic: boom"},
	} {
		if got := c.e.String(); got != c.want {
			t.Errorf("%+v reads %q, want %q", c.e, got, c.want)
		}
	}
}
