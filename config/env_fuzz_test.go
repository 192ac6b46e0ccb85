package config

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// FuzzEnviron: a value that a variable of the environment sets, and that is accepted, is in
// the one form of its kind; written out, as a variable, as a file or for another process, it
// is read as the same value. One that is refused names its key.
func FuzzEnviron(f *testing.F) {
	for key, values := range environSeeds {
		for _, v := range values {
			f.Add(byte(indexOf(key)), key, v)
		}
	}
	f.Fuzz(func(t *testing.T, n byte, key, value string) {
		if int(n) < len(fields) {
			key = strings.ToUpper(fields[n].key)
		}
		if strings.ContainsAny(key, "=\x00") || strings.Contains(value, "\x00") {
			t.Skip("no environment has that")
		}
		c := Default()
		if errs := append(applyEnv(&c, []string{EnvPrefix + key + "=" + value}), c.problems(nil)...); len(errs) > 0 {
			namesPlace(t, errs)
			return
		}
		once := c
		once.normalize()
		if changed := Diff(c, once); !sameData(c, once) {
			t.Fatalf("%s=%q is in force before it has its one form: %v", key, value, changed)
		}
		throughTheWire(t, c)
		throughAFile(t, c, keyText(strings.ToLower(key)))
		if f := byKey()[keyText(strings.ToLower(key))]; f != nil {
			setAgain(t, f, c)
		}
	})
}

// indexOf is a key's place in the table; one that is not ours has none.
func indexOf(key string) int {
	i := slices.IndexFunc(fields[:], func(f field) bool { return strings.EqualFold(f.key, key) })
	if i < 0 {
		return 255
	}
	return i
}

// throughAFile writes one key into a file of its own: all of them take a hundred times as
// long.
func throughAFile(t *testing.T, c Config, key string) {
	t.Helper()
	v, _ := c.Get(key)
	if f := byKey()[key]; f != nil {
		v = f.yaml(&c)
	}
	doc := &yaml.Node{Kind: yaml.MappingNode}
	if len(c.userKeys()) > 0 || byKey()[key] != nil { // else the value was empty, or it has no meaning here
		if err := appendPair(doc, key, v); err != nil {
			t.Fatal(err)
		}
	}
	file, err := yaml.Dump(doc)
	if err != nil {
		t.Fatal(err)
	}
	again := Default()
	if err := again.MergeBytes("dump.yml", file); err != nil || !sameData(c, again) {
		t.Fatalf("%v: the file changed %v\n%s", err, Diff(c, again), file)
	}
}

// setAgain sets the field by the text that people are shown of it; of a list of texts, by
// the texts that a variable has between commas.
func setAgain(t *testing.T, f *field, c Config) {
	t.Helper()
	text := f.text(&c)
	if list, ok := f.at(&c).(*[]string); ok {
		text = strings.Join(*list, ",")
		for _, a := range *list {
			if _, _, err := SplitAddress(a); err != nil {
				t.Fatal(err)
			}
		}
	}
	if text == "" {
		return // an empty variable sets nothing
	}
	again := Default()
	if errs := applyEnv(&again, []string{EnvPrefix + strings.ToUpper(f.key) + "=" + text}); len(errs) > 0 || !f.same(&c, &again) {
		t.Fatalf("%s is shown as %q, which is read as %q, %v", f.key, text, f.text(&again), errs)
	}
}

// environSeeds are values that can be written in several ways, and nearly so.
var environSeeds = map[string][]string{
	"STOP_TIMEOUT":             {"1h", "1h0m0s", "90m", "1.5", "-1", "never", "Never", "-0.0000000001", "0x10", "1_000", "9223372036", "1e-9", "-1ns"},
	"RESTART_BACKOFF":          {"0.1", "1e3", "10m0s", "1us", "+5", "0"},
	"WORKER_MAX_MEMORY":        {"512MB", "1.5G", "1KiB", "0x10", "010", "08", "1_0", "9007199254740993B", "1e3K", "0.3K"},
	"CHUMASK":                  {"022", "0o22", "0O7", "0", "-1", "0777", "22"},
	"SIGNAL_RELOAD":            {"SIGUSR1", "sigsigusr1", ":HUP", "::HUP", " :winch ", "SIG:HUP"},
	"WORKER_RELOAD_SIGNAL":     {"SIG", ":", "usr1", "SIGSIG"},
	"WORKER_TYPE":              {"Process", ":thread", "::thread", ": thread", "\u212Aeep"},
	"LOG_LEVEL":                {":WARN", "::warn", "Info"},
	"LISTEN":                   {"0.0.0.0:80, unix:///a", "[::1]:80,[::2]:81", "[tcp://a:1]", "[[::1]:80]", "unix:///a[1],b:1", "[::1]", "[a:1],unix:///[b]", "a:http", "unix:///a[1", "[a]b:1", "a:1]"},
	"UNRECOVERABLE_EXIT_CODES": {"3", "[3, 0x4]", "[]", "3,,4", "07"},
	"LOG":                      {"-", "null", "~", "\xff/app.log", "a: b", " x ", "1", "!!binary YQ==", "- \n", "\u0085", "\ufeffx"},
	"SUPERVISOR":               {"yes", "OFF", "1"},
	"OF_THE_USER":              {"1", "[1, {a: 2}]", "2001-01-01", "!!binary /w==", "&a [*a]", "0x1F", ".nan", "-.inf", "1e400", "'x", "a\n---\nb", "18446744073709551615", "{<<: {a: 1}}"},
	"<<":                       {"1", "{a: 1}"},
	":SYMBOL":                  {"1"},
	"::TWICE":                  {"1"},
	":\"QUOTED\"":              {"1"},
	"\xff":                     {"1"},
	"~":                        {"null"},
}
