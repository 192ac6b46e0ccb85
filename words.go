package serverengine

import (
	"bufio"
	"io"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/messages"
)

// readWords turns the seed's command words, one a line, into commands for the engine, until
// the end of the input (command_sender: pipe). It runs in a goroutine of its own.
func readWords(in io.Reader, root *actor.RootContext, engine *actor.PID, log *logrus.Logger) {
	obeyWords(in, func(c messages.Command) { root.Send(engine, c) }, log)
}

// longestLine is what is looked at of a line, in bytes, its newline among them. Of a longer
// one no part is taken for a word.
const longestLine = 4096

func obeyWords(in io.Reader, obey func(messages.Command), log *logrus.Logger) {
	words := messages.CommandWords()
	lines := bufio.NewReaderSize(in, longestLine)
	goesOn := false // the line before was only a piece
	for {
		line, cut, err := lines.ReadLine()
		if goesOn && !cut { // its end, or the input's
			log.Warn("command_sender: pipe: a line that is far too long is no command word")
		}
		if err != nil {
			if err != io.EOF {
				log.Warnf("command_sender: pipe: standard input ends: %v", err)
			}
			return
		}
		tooLong := cut || goesOn
		goesOn = cut
		word := strings.TrimSpace(string(line))
		switch command := words[word]; {
		case word == "" || tooLong:
		case command == nil:
			log.Warnf("command_sender: pipe: %.80q is no command word", word)
		default:
			log.Infof("command word %s: %s", word, command)
			obey(command)
		}
	}
}
