package logging

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Only backups are removed: no folder, and no file whose name is nearly one's. A log that is
// named .gz itself has backups like any other.
func TestCleaningRemovesBackupsOnly(t *testing.T) {
	dir := t.TempDir()
	stays := []string{"app-2006-01-02T15-04-05,000.log", "app-2006-01-02T15-04-05.0000.log", "app.gz", "app.log"}
	for _, name := range append([]string{
		"app-2006-01-02T15-04-05.000.log", "app-2006-01-02T15-04-06.000.log.gz", "app-2006-01-02T15-04-05.000.gz", "app-2006-01-02T15-04-06.000.gz.gz",
	}, stays...) {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	folder := "app-2006-01-02T15-04-07.000.log"
	must(t, os.Mkdir(filepath.Join(dir, folder), 0o700))
	for _, log := range []string{"app.log", "app.gz"} {
		must(t, cleanBackups(filepath.Join(dir, log), 0, false))
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if want := append([]string{folder}, stays...); !slices.Equal(got, sorted(want)) {
		t.Errorf("left are %q, want %q", got, sorted(want))
	}
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }
