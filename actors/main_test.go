package actors

import (
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
)

// roleEnv makes the test binary play one of the roles: a child process of a test.
const roleEnv = "ACTORS_TEST_ROLE"

var roles = map[string]func() error{}

func TestMain(m *testing.M) {
	if name := os.Getenv(roleEnv); name != "" {
		role := roles[name]
		if role == nil {
			fmt.Fprintf(os.Stderr, "no role %q\n", name)
			os.Exit(2)
		}
		if err := role(); err != nil {
			fmt.Fprintf(os.Stderr, "role %s: %v\n", name, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// quiet is a logger for tests whose subject is not the log.
func quiet() *logrus.Logger {
	log := logrus.New()
	log.Out = io.Discard
	return log
}
