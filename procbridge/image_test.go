//go:build unix

package procbridge

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// copySelf puts a copy of this program at path.
func copySelf(t *testing.T, path string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) *Image {
	t.Helper()
	img, err := OpenImage(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(img.Release)
	return img
}

func TestImageOutlivesItsFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere an image is a path")
	}
	clean(t)
	dir := t.TempDir()
	path, link := filepath.Join(dir, "v1"), filepath.Join(dir, "current")
	copySelf(t, path)
	if err := os.Symlink("v1", link); err != nil {
		t.Fatal(err)
	}
	img, err := OpenImage(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenImage(link); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a deleted program was opened: %v", err)
	}
	c := play(t, "mute", func(c *Command) { c.Image = img })
	img.Release()
	c.hello()
	c.Send(graceful)
	c.wantExit(messages.ExitReturned, 0)
}

func TestImagesAreCompared(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "program"), filepath.Join(dir, "link")
	copySelf(t, path)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	one, two, linked := open(t, path), open(t, path), open(t, link)
	if !one.Same(two) || !one.Same(linked) || linked.Path() != link {
		t.Error("the same file is another image")
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if one.Same(open(t, path)) {
		t.Error("a touched file is the same image")
	}
	copySelf(t, path+".new")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if one.Same(open(t, path)) || one.Same(nil) {
		t.Error("a replaced file is the same image")
	}
}

func TestImageCounts(t *testing.T) {
	before := len(descriptors(t))
	img, err := CurrentImage()
	if err != nil {
		t.Fatal(err)
	}
	img.Retain()
	img.Release()
	if runtime.GOOS == "linux" && len(descriptors(t)) != before+1 {
		t.Error("a retained image is closed")
	}
	img.Release()
	if len(descriptors(t)) != before {
		t.Error("a released image is open")
	}
	defer func() {
		if recover() == nil {
			t.Error("a release too many went unnoticed")
		}
	}()
	img.Release()
}

func TestImageRefusesWhatIsNoProgram(t *testing.T) {
	for want, path := range map[string]string{
		"is a directory":     t.TempDir(),
		"does not exist":     filepath.Join(t.TempDir(), "nothing"),
		"not executable":     write(t, "plain", "x", 0o644),
		"not a regular file": os.DevNull,
	} {
		if _, err := OpenImage(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// An interpreter opens a script by its name, so a script is executed by its path.
func TestScriptAsImage(t *testing.T) {
	clean(t)
	img, err := OpenImage(write(t, "script", "#!/bin/sh\nexit 8\n", 0o755))
	if err != nil {
		t.Fatal(err)
	}
	defer img.Release()
	p, err := Start(Command{Image: img})
	if err != nil {
		t.Fatal(err)
	}
	(&child{p, t}).wantExit(messages.ExitReturned, 8)
}

func TestResolveProgramKeepsItsAnswer(t *testing.T) {
	one, err := ResolveProgram()
	if err != nil || !filepath.IsAbs(one) {
		t.Fatalf("%s, %v", one, err)
	}
	t.Chdir("/")
	if two, err := ResolveProgram(); err != nil || two != one {
		t.Fatalf("%s, then %s, %v", one, two, err)
	}
}
