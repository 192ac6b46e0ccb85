package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/internal/probe"
)

// alarmed is an actor with an alarm: it tells its parent when one was due.
func alarmed() *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor {
		var a Alarm
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case time.Time:
				a.Set(ctx, m)
			case string:
				a.Stop()
			case Rang:
				if a.Due(m) {
					ctx.Send(ctx.Parent(), m.At)
				} else {
					ctx.Send(ctx.Parent(), "stale")
				}
			}
		})
	})
}

func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := probe.Start(t, probe.NewSystem(), alarmed())
		at := func(d time.Duration) time.Time { return time.Now().Add(d) }
		seen := 0
		rung := func(d time.Duration, want ...time.Time) {
			t.Helper()
			time.Sleep(d) // virtual
			synctest.Wait()
			got := p.Messages()[seen:]
			seen += len(got)
			if len(got) != len(want) {
				t.Fatalf("it rang %v, want %v", got, want)
			}
			for n := range got {
				if at, ok := got[n].(time.Time); !ok || !at.Equal(want[n]) {
					t.Errorf("it rang %v, want %v", got, want)
				}
			}
		}
		set := func(tm time.Time) { p.Send(tm); synctest.Wait() }

		a := at(time.Minute)
		set(a)
		set(a)
		rung(time.Hour, a)

		later, sooner := at(time.Hour), at(time.Minute)
		set(later)
		set(sooner)
		rung(2*time.Hour, sooner)

		set(at(time.Minute))
		set(time.Time{})
		rung(time.Hour)

		set(at(time.Minute))
		p.Send("stop")
		rung(time.Hour)

		past := at(-time.Minute)
		set(past)
		rung(time.Second, past)

		p.Stop(t)
		time.Sleep(time.Second) // virtual, for what is left of dead letters
	})
}

// An alarm that has rung and was set anew before its message was handled is stale.
func TestAlarmThatIsSetAnewAsItRings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a Alarm
		hold := make(chan struct{})
		p := probe.Start(t, probe.NewSystem(), actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *actor.Started:
				a.Set(ctx, time.Now().Add(time.Second))
				<-hold // it rings meanwhile
				a.Set(ctx, time.Now().Add(time.Second))
			case Rang:
				ctx.Send(ctx.Parent(), a.Due(m))
			}
		}))
		time.Sleep(time.Minute) // virtual
		close(hold)
		time.Sleep(time.Minute)
		synctest.Wait()
		got := probe.Of[bool](p.Messages())
		if len(got) != 2 || got[0] || !got[1] {
			t.Errorf("due: %v, want a stale one and a due one", got)
		}
		p.Stop(t)
		time.Sleep(time.Second)
	})
}
