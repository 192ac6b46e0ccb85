package serverengine_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layer is a row of the table of folders: what the packages in it may do.
type layer struct {
	folder string   // "examples/*" stands for everything below examples
	ours   []string // folders of this module that it may import; "*" is all
	actors bool     // may import the actor library
	starts bool     // may start processes
}

// layers are the folders from the top to the bottom: imports only go down.
var layers = []layer{
	{folder: "examples/*", ours: []string{".", "messages"}, actors: true},
	{folder: "bench", ours: []string{".", "messages", "procbridge", "sockets"}, actors: true, starts: true}, // procbridge is the floor of messages, sockets that of a socket each
	{folder: "conformance", ours: []string{".", "messages", "internal/leash"}, actors: true, starts: true},
	{folder: "cmd/*", ours: []string{".", "messages"}, actors: true},
	{folder: ".", ours: []string{"*"}, actors: true},
	{folder: "supervisor", ours: []string{"actors", "procbridge", "sockets", "logging", "config", "messages", "internal/*"}, actors: true},
	{folder: "workers", ours: []string{"actors", "procbridge", "sockets", "logging", "config", "messages", "internal/*"}, actors: true},
	{folder: "actors", ours: []string{"procbridge", "sockets", "logging", "config", "messages", "internal/*"}, actors: true},
	{folder: "procbridge", ours: []string{"messages"}, starts: true},
	{folder: "sockets"},
	{folder: "logging"},
	{folder: "internal/probe", actors: true},
	{folder: "internal/*"},
	{folder: "config"},
	{folder: "messages"},
}

const (
	module       = "github.com/serverengine/serverengine-go"
	actorLibrary = "github.com/asynkron/protoactor-go"

	maxLines     = 450 // of a file
	maxTestLines = 600 // of a test file: tables of cases may be longer
)

// source is one Go file of the module, of any operating system.
type source struct {
	name string // slash-separated, from the module's root
	text []byte
	file *ast.File
	fset *token.FileSet
}

func (s source) folder() string { return path.Dir(s.name) }
func (s source) test() bool     { return strings.HasSuffix(s.name, "_test.go") }

// TestImportsGoDown holds every file against the table above.
func TestImportsGoDown(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		l := layerOf(s.folder())
		if l == nil {
			t.Errorf("%s: folder %s is in no row of the table in import_test.go", s.name, s.folder())
			continue
		}
		seen[l.folder] = true
		for _, problem := range l.judge(s) {
			t.Errorf("%s: %s", s.name, problem)
		}
	}
	for _, must := range []string{".", "supervisor", "workers", "actors", "procbridge", "sockets", "logging", "config", "messages"} {
		if !seen[must] {
			t.Errorf("folder %s was not looked at", must)
		}
	}
}

// TestFilesAreShort keeps files readable. Generated ones are not read.
func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		limit := maxLines
		if s.test() {
			limit = maxTestLines
		}
		if n := bytes.Count(s.text, []byte("\n")); n > limit && !ast.IsGenerated(s.file) {
			t.Errorf("%s has %d lines, at most %d are allowed: divide it", s.name, n, limit)
		}
	}
}

// TestLayersRefuse shows that the rules refuse what they are there to refuse.
func TestLayersRefuse(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"supervisor/a.go", `import "` + module + `/workers"`, "imports workers"},
		{"workers/a.go", `import "` + module + `/supervisor"`, "imports supervisor"},
		{"actors/a.go", `import "` + module + `"`, "imports ."},
		{"logging/a.go", `import "` + module + `/messages"`, "imports messages"},
		{"config/a_test.go", `import "` + module + `/messages"`, "imports messages"},
		{"internal/x/a.go", `import "` + module + `/config"`, "imports config"},
		{"examples/x/a.go", `import "` + module + `/workers"`, "imports workers"},
		{"sockets/a.go", `import "` + actorLibrary + `/actor"`, "imports the actor library"},
		{"procbridge/a_test.go", `import "` + actorLibrary + `/actor"`, "imports the actor library"},
		{"workers/a.go", `import "os/exec"`, "starts processes: os/exec"},
		{"a.go", "import \"syscall\"\nvar _ = syscall.Exec", "starts processes: syscall.Exec"},
		{"a.go", "import sys \"syscall\"\nvar _ = sys.ForkExec", "starts processes: syscall.ForkExec"},
		{"a.go", "import \"os\"\nvar _ = os.StartProcess", "starts processes: os.StartProcess"},
		{"workers/a.go", "import . \"os\"", "imports os into its own names"},
		{"a_test.go", `import "os/exec"`, ""},
		{"procbridge/a.go", `import "os/exec"`, ""},
		{"procbridge/a.go", `import "` + module + `/messages"`, ""},
		{"workers/a.go", `import "` + module + `/internal/sigdump"`, ""},
		{"config/a_test.go", `import "` + module + `/config"`, ""},
		{"a.go", "import \"os\"\nvar _ = os.Getpid", ""},
	} {
		s := parse(t, c.name, []byte("package p\n"+c.text+"\n"))
		got := strings.Join(layerOf(s.folder()).judge(s), "\n")
		if got != "" && c.want == "" || !strings.Contains(got, c.want) {
			t.Errorf("%s with %s: %q, want %q", c.name, c.text, got, c.want)
		}
	}
	for _, folder := range []string{"newcomer", "supervisor/below", "examples"} {
		if l := layerOf(folder); l != nil {
			t.Errorf("folder %s is taken for a part of %s", folder, l.folder)
		}
	}
}

func layerOf(folder string) *layer {
	for i := range layers {
		if matches(layers[i].folder, folder) {
			return &layers[i]
		}
	}
	return nil
}

func matches(pattern, folder string) bool {
	if above, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(folder, above+"/")
	}
	return pattern == "*" || pattern == folder
}

// judge lists what a file of this layer does and may not do. A test file may start
// processes; its imports obey the same rules.
func (l *layer) judge(s source) []string {
	var problems []string
	names := map[string]string{} // of imported packages, in this file
	for _, spec := range s.file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return []string{err.Error()}
		}
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported
		if p := l.judgeImport(s, imported); p != "" {
			problems = append(problems, p)
		}
		if name == "." && !s.test() && startersOf(imported) != nil {
			problems = append(problems, "imports "+imported+" into its own names, where nobody sees what it uses")
		}
	}
	if l.starts || s.test() {
		return problems
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(startersOf(names[x.Name]), sel.Sel.Name) {
			problems = append(problems, fmt.Sprintf("line %d starts processes: %s.%s; only procbridge does", s.fset.Position(sel.Pos()).Line, names[x.Name], sel.Sel.Name))
		}
		return true
	})
	return problems
}

// judgeImport says what is wrong with one import, or "".
func (l *layer) judgeImport(s source, imported string) string {
	if under(imported, actorLibrary) && !l.actors {
		return "imports the actor library"
	}
	if imported == "os/exec" && !l.starts && !s.test() {
		return "starts processes: os/exec; only procbridge does"
	}
	if !under(imported, module) {
		return ""
	}
	target := path.Clean("." + strings.TrimPrefix(imported, module))
	if target == s.folder() || slices.ContainsFunc(l.ours, func(p string) bool { return matches(p, target) }) {
		return ""
	}
	return fmt.Sprintf("imports %s, which is not below %s", target, l.folder)
}

func under(imported, prefix string) bool {
	return imported == prefix || strings.HasPrefix(imported, prefix+"/")
}

// startersOf lists the functions of a package that start a process.
func startersOf(imported string) []string {
	switch imported {
	case "os":
		return []string{"StartProcess"}
	case "syscall", "golang.org/x/sys/unix", "golang.org/x/sys/windows":
		return []string{"StartProcess", "ForkExec", "Exec", "CreateProcess", "CreateProcessAsUser"}
	}
	return nil
}

// sources reads every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != "." && (base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		all = append(all, parse(t, filepath.ToSlash(name), text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func parse(t *testing.T, name string, text []byte) source {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return source{name: name, text: text, file: file, fset: fset}
}
