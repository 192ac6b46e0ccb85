package serverengine_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/serverengine/serverengine-go/config"
)

// TestEveryKeyIsExercised holds that each key of the configuration is set by a test of what
// it does, beside those of package config, which only read and write it.
func TestEveryKeyIsExercised(t *testing.T) {
	told := stories(t)
	for _, k := range config.Keys() {
		var field strings.Builder
		for word := range strings.SplitSeq(k.Name, "_") {
			field.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
		if !settingOf(k.Name, field.String()).MatchString(told) {
			t.Errorf("no test exercises %s: write one that sets it and sees its effect", k.Name)
		}
	}
}

// settingOf is how a test sets a key: the field of a configuration, a line of a file, an
// entry of a map, the environment, or a step of a story.
func settingOf(key, field string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)\.` + field + `\b[^=\n(]* = ` + // cfg.Workers = 2, and with others
		`|\b` + field + `:\s` + // Config{Workers: 2}
		`|"` + key + `"(: |, |=)` + // keys{"workers": 2}, set("workers", 2)
		`|(^|["` + "`" + `]|\\n):?` + key + `: \S` + // a file, in a text
		`|^(set|unset) ` + key + `\b` +
		`|\b` + strings.ToUpper("serverengine_config_"+key) + `=`)
}

// TestSettingOf holds that a key is not taken for another, nor a call for a setting.
func TestSettingOf(t *testing.T) {
	for text, want := range map[string]bool{
		"cfg.Log = path": true, "c.Workers, c.Log = 2, path": true, "Config{Log: path}": true, `keys{"log": "-"}`: true,
		"set log: -\n": true, "`workers: 2\nlog: x`": true, `"SERVERENGINE_CONFIG_LOG=x"`: true, `":log: x"`: true,
		"t.Log(x)": false, "t.Logf(x)": false, "cfg.LogLevel = 1": false, "worker_log: 1": false, `"in the log: %v"`: false, "\"a: 1\\nlog: x\"": true, "log_level: info": false,
		"if cfg.Log == path": false, "set log_level: info": false, `"log"`: false,
	} {
		if got := settingOf("log", "Log").MatchString(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// stories is the text of all tests but those of package config, and of the scenarios that
// are played on the original too.
func stories(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		story := strings.HasPrefix(path, "conformance/stories/")
		if strings.HasPrefix(path, "config/") || !story && !strings.HasSuffix(path, "_test.go") || path == "keys_covered_test.go" {
			return nil
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
