package config

import (
	"io"
	"strings"
	"time"
)

const referenceHead = `# Configuration

Every key, in a file, in code (` + "`worker_type`" + ` is the field ` + "`WorkerType`" + `) and in the environment
(` + "`SERVERENGINE_CONFIG_WORKER_TYPE`" + `). The last of these that gives a value wins: default, code, file, environment.

- A duration is a number of seconds (` + "`0.5`" + `) or a Go duration (` + "`1m30s`" + `); ` + "`-1`" + ` or ` + "`never`" + ` is no limit where that is allowed.
- A size is a number of bytes or has a unit, K, M, G or T with or without B, each 1024 times the one before.
- A mask is octal: ` + "`022`, `0o22` or `\"022\"`" + `.
- Ruby's symbols (` + "`:workers: 3`, `:worker_type: :process`" + `) are read like plain names; null gives a key its default.
- A key that is none of these is yours: workers read it. One that is nearly one of these is refused as a typing mistake.

The column *reload* says when a changed value is in force: ` + "`live`" + ` at once, ` + "`workers`" + ` for workers started from then on,
` + "`server`" + ` after a restart of the server, ` + "`never`" + ` after a stop and a start of everything.
`

// WriteReference writes the reference of every key in Markdown: type, default,
// what a change waits for, and what it does.
func WriteReference(w io.Writer) error {
	var b strings.Builder
	b.WriteString(referenceHead)
	def := Default()
	group := ""
	for i := range fields {
		f := &fields[i]
		if f.group != group {
			group = f.group
			title, about, _ := strings.Cut(group, ". ")
			if about != "" {
				about += ".\n\n"
			}
			b.WriteString("\n## " + title + "\n\n" + about + "| key | type | default | reload | meaning |\n|---|---|---|---|---|\n")
		}
		b.WriteString("| `" + f.key + "` | " + f.typeName(&def) + " | " + f.defaultText(&def) + " | " + string(f.reload) + " | " + f.doc + " |\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// typeName names the type as a person would.
func (f *field) typeName(c *Config) string {
	p := f.at(c)
	if names := choices(p); names != nil {
		return "`" + strings.Join(names, "`, `") + "`"
	}
	switch p.(type) {
	case *bool:
		return "true or false"
	case *int:
		return "number"
	case *int64:
		return "size"
	case *float64:
		return "ratio"
	case *time.Duration:
		return "duration"
	case *Umask:
		return "mask"
	case *[]int:
		return "list of numbers"
	case *[]string:
		return "list of addresses"
	}
	switch f.form {
	case "signal", "any_signal":
		return "signal"
	case "level":
		return "level"
	}
	return "text"
}

// defaultText is the same on every platform, so that a reference kept in a
// repository can be checked anywhere.
func (f *field) defaultText(c *Config) string {
	if f.key == "command_sender" {
		return "`" + string(SenderSignal) + "`; `" + string(SenderPipe) + "` on Windows"
	}
	text := f.text(c)
	switch {
	case text == "":
		return "empty"
	case text == "never":
		return "`-1`"
	}
	return "`" + text + "`"
}
