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
	words := messages.CommandWords()
	lines := bufio.NewReaderSize(in, 4096)
	goesOn := false // the line before was only a piece
	for {
		line, cut, err := lines.ReadLine()
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
		case tooLong && !cut:
			log.Warn("command_sender: pipe: a line that is far too long is no command word")
		case word == "" || tooLong:
		case command == nil:
			log.Warnf("command_sender: pipe: %q is no command word", word)
		default:
			log.Infof("command word %s: %s", word, command)
			root.Send(engine, command)
		}
	}
}
