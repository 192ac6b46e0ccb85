package serverengine

import (
	"io"
	"os"

	"github.com/sirupsen/logrus"
)

// wordsInput is in: there is no background from which it must not be read.
func wordsInput(in *os.File, _ *logrus.Logger) io.Reader { return in }
