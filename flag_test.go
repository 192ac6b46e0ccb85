package serverengine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serverengine/serverengine-go"
)

func TestBlockingFlagReportsChanges(t *testing.T) {
	var f serverengine.BlockingFlag
	if f.IsSet() || f.Reset() || !f.Set() || f.Set() || !f.IsSet() || !f.Reset() || f.IsSet() {
		t.Error("Set and Reset report whether they changed something, and the zero value is not set")
	}
}

func TestBlockingFlagWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f serverengine.BlockingFlag
		began := time.Now()
		if f.WaitForSet(time.Minute) || time.Since(began) != time.Minute {
			t.Errorf("waited for %s", time.Since(began))
		}
		if f.WaitForSet(0) || !f.WaitForReset(0) || !f.WaitForReset(-1) {
			t.Error("what is so already needs no waiting, and 0 is no waiting")
		}
		set := make(chan time.Duration)
		for range 3 {
			go func() {
				began := time.Now()
				if !f.WaitForSet(-1) {
					t.Error("woken by something else")
				}
				set <- time.Since(began)
			}()
		}
		time.AfterFunc(time.Hour, func() { f.Set() })
		for range 3 {
			if d := <-set; d != time.Hour {
				t.Errorf("woken after %s", d)
			}
		}
		go func() { f.Reset() }()
		if !f.WaitForReset(time.Minute) {
			t.Error("not woken by Reset")
		}
	})
}

// A flag that is set and cleared again before a waiter runs has not come and gone for one
// that looks at what is so.
func TestBlockingFlagThatFlickers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f serverengine.BlockingFlag
		done := make(chan bool)
		go func() { done <- f.WaitForSet(time.Second) }()
		synctest.Wait()
		f.Set()
		f.Reset()
		synctest.Wait()
		f.Set()
		if !<-done {
			t.Error("the last Set was missed")
		}
	})
}

func TestSleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		if !serverengine.Sleep(ctx, time.Hour) || time.Since(began) != time.Hour {
			t.Errorf("slept for %s", time.Since(began))
		}
		time.AfterFunc(time.Minute, cancel)
		began = time.Now()
		if serverengine.Sleep(ctx, time.Hour) || time.Since(began) != time.Minute {
			t.Errorf("slept for %s", time.Since(began))
		}
		for range 100 { // both are so: the stop wins
			if serverengine.Sleep(ctx, 0) {
				t.Fatal("a cancelled context lets a loop go on")
			}
		}
	})
}
