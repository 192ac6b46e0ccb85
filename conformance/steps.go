//go:build linux

package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// words are what a step's pattern has found, by name.
type words map[string]string

// form is a kind of step: what it looks like, and what it does.
type form struct {
	pattern string
	make    func(words) (action, error)
}

// who names a process: the top is the one whose pid a user knows.
const who = `the top|the server|the old server|the first server|worker \d+|the old worker \d+|all workers`

// forms are all steps that there are. <name> stands for one of the parts below.
var forms = []form{
	// What somebody does.
	{`start`, does((*play).begin)},
	{`start with the socket handed over`, does((*play).handOver)},
	{`call`, does((*play).call)},
	{`send <SIGNAL> to <who>`, makeSignal},
	{`write <word> to stdin`, makeWord},
	{`set <key>: <rest>`, makeSet},
	{`unset <key>`, makeSet},
	{`put into the file: <rest>`, makePut},
	{`move the log away`, does((*play).moveLog)},
	{`clients come`, does((*play).clientsCome)},
	{`clients leave, none refused`, makeLeave},
	{`clients leave, no (?P<what>connection) refused`, makeLeave},

	// What has to be seen, since the last of these.
	{`expect exit <number>( not before <early>)?( within <within>)?`, makeExit},
	{`expect all gone( not before <early>)?( within <within>)?`, makeGone},
	{`expect no <kind>( from <from>)?( saying <saying>)?( for <hold>)?`, makeNoMark},
	{`expect <kind>( from <from>)?( saying <saying>)?( with <pid> pid)?( <times> times(?P<exactly> exactly)?)?( spread over <spread>)?( not before <early>)?( within <within>)?`, makeMark},
	{`expect <kind> before <other>`, makeBefore},
	{`expect <who> (dead|gone)( not before <early>)?( within <within>)?`, makeDead},
	{`expect <who> alive( for <hold>)?`, makeAlive},
	{`expect <number> worker processes`, makeCount},
	{`expect (?P<no>no )?(?P<where>log|output|errors|first log) /(?P<text>.+)/( within <within>)?`, makeText},
	{`expect <number> rotated logs`, makeRotated},
	{`expect <number> burst lines`, makeBurst},
	{`expect only compressed logs`, does((*play).compressed)},
	{`expect (?P<no>no )?file (?P<file>\S+)( with /(?P<text>.+)/)?( within <within>)?`, makeFile},
	{`expect (?P<no>no )?dump of <who>`, makeDump},
	{`expect the name of <who> to be <rest>`, makeName},
	{`expect the (?P<what>user|group|umask|policy) of <who> to be <rest>`, makeIdentity},
	{`expect answers from <number> workers`, makeAnswers},
	{`expect (?P<no>no|a) connection`, makeConnection},
	{`expect place for <number> connections`, makeQueue},
	{`expect <number> sockets?`, makeSockets},
	{`expect gaps of <kind> that differ by <spread>`, makeGaps},
}

// parts of the patterns.
var parts = map[string]string{
	"SIGNAL": `[A-Z0-9]+`, "who": who, "word": `[A-Z_]+`, "key": `\w+`, "rest": `.+`, "number": `\d+`,
	"kind": "", "other": "", "from": `all workers|\d+ workers|worker \d+|the server`, "saying": `\S+`, "pid": `a new|the same|the server's`, "times": `\d+`,
	"spread": duration, "early": duration, "within": duration, "hold": duration,
}

const duration = `\d+(?:\.\d+)?m?s`

type compiled struct {
	*regexp.Regexp
	make func(words) (action, error)
}

var compiledForms = func() []compiled {
	parts["kind"] = strings.Join(kinds, "|")
	parts["other"] = parts["kind"]
	var all []compiled
	for _, f := range forms {
		p := regexp.MustCompile(`<(\w+)>`).ReplaceAllStringFunc(f.pattern, func(s string) string {
			name := strings.Trim(s, "<>")
			if part, ok := parts[name]; ok {
				return "(?P<" + name + ">" + part + ")"
			}
			return s // of a group that the pattern names itself
		})
		all = append(all, compiled{regexp.MustCompile("^" + p + "$"), f.make})
	}
	return all
}()

// compile makes an action of a step's text.
func compile(text string) (action, error) {
	for _, f := range compiledForms {
		found := f.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		w := words{}
		for i, name := range f.SubexpNames() {
			if name != "" && found[i] != "" {
				w[name] = found[i]
			}
		}
		return f.make(w)
	}
	return nil, fmt.Errorf("no such step: %q", text)
}

func does(do action) func(words) (action, error) {
	return func(words) (action, error) { return do, nil }
}

// limit is a duration of the step, or the default.
func (w words) limit(name string, usual time.Duration) time.Duration {
	if d, err := time.ParseDuration(w[name]); err == nil {
		return d
	}
	return usual
}

func (w words) number() int {
	n, _ := strconv.Atoi(w["number"]) // the pattern has digits only
	return n
}
