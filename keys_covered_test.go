package serverengine_test

import (
	"io/fs"
	"os"
	"path/filepath"
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
		named := strings.Contains(told, `"`+k.Name+`"`) || strings.Contains(told, k.Name+":") ||
			strings.Contains(told, k.Name+" =") || strings.Contains(told, "."+field.String())
		if !named {
			t.Errorf("no test exercises %s: write one that sees its effect", k.Name)
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
