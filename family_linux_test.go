package serverengine_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// family lists the processes of a tree, wherever they hang: by their environment, and by
// what the log said. Zombies, which have none, are not among them.
func (tr *tree) family() []int {
	mark := []byte(treeVar + "=" + tr.dir + "\x00")
	var pids []int
	names, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, mark) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
