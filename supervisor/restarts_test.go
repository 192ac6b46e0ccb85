package supervisor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// While a crash waits for its back-off there is no server to pass a restart to: the start
// that is waited for becomes the restart, at once and with the new program.
func TestSupervisorRestartsWorkersDuringABackoff(t *testing.T) {
	for _, mode := range []messages.Mode{messages.Graceful, messages.Immediate} {
		supervisorInBubble(t, func(o *SupervisorOptions) {
			o.Config.RestartBackoff, o.Config.RestartBackoffMax = time.Hour, time.Hour
		}, func(s *supervisorStage) {
			s.newServers(true, false)
			s.exit(1, killed)
			s.pass(s.options.Config.ServerRestartWait) // the first repair has no back-off
			s.exit(2, killed)
			s.pass(s.options.Config.ServerRestartWait)
			s.skip()
			s.send(messages.Restart{Mode: mode})
			s.pass(s.options.Config.ServerRestartWait)
			s.want("server 3 started as pid 1003")
			if n := s.server(3).image; n == 0 {
				t.Error("the new program was not taken")
			}
			s.ready(3)
			s.want("server 3 ready", mode.String()+" restart finished")
			if s.images.count() != 1 {
				t.Errorf("%d images are open for one server", s.images.count())
			}
			s.send(messages.Restart{Mode: mode}) // the next one is the server's again
			s.wantTold(3, mode.String()+" restart")
		})
	}
}

// What is asked for before the first server is started is done once it is.
func TestSupervisorKeepsCommandsUntilItCanObey(t *testing.T) {
	for name, c := range map[string]struct {
		m    any
		told []string
		want int // servers
	}{
		"restart":        {messages.Restart{Mode: messages.Graceful}, []string{"graceful restart"}, 1},
		"restart server": {RestartServer{Mode: messages.Immediate}, []string{"immediate stop"}, 2},
		"live restart":   {messages.LiveRestart{}, []string{"graceful stop"}, 2},
		"dump":           {messages.Dump{}, []string{"dump"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var hold chan struct{} // made in the bubble
			supervisorInBubble(t, func(o *SupervisorOptions) {
				hold = make(chan struct{})
				o.Images.(*fakeImages).set(nil, hold)
			}, func(s *supervisorStage) {
				s.send(c.m)
				s.images.set(nil, nil)
				close(hold)
				synctest.Wait()
				s.pass(time.Minute)
				s.wantTold(1, c.told...)
				s.wantStarted(c.want)
			})
		})
	}
}
