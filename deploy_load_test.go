//go:build unix

package serverengine_test

import (
	"fmt"
	"syscall"
	"testing"
)

// Three good deploys under load, sixteen clients: the new code serves, and not one of some
// 20,000 requests fails.
func TestDeploysUnderLoadFailNoRequest(t *testing.T) {
	eachConnection(t, func(t *testing.T, keep bool) {
		tr, install := deployed(t, with(deployKeys, loadKeys))
		l := tr.load(16, keep)
		lives := tr.serving(3)
		for n := range 3 {
			l.reaches(t, answers(5000))
			code := fmt.Sprintf("deploy%d", n)
			install(code)
			tr.signal(syscall.SIGUSR1)
			lives = tr.replaced(lives)
			tr.says("graceful restart finished")
			for _, l := range lives {
				tr.wantCode(l, code)
			}
		}
		l.reaches(t, answers(5000))
		l.finish()
		l.clean(t)
		t.Logf("%d requests, 0 failed", l.answered.Load())
	})
}
