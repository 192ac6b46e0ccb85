package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v4"
)

// FuzzMerge: no document makes the loader panic, every problem names a key or a
// line, a bad document changes nothing, and a good one survives the wire and a
// dump. Its seeds are the files of testdata/merge too.
func FuzzMerge(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join("testdata", "merge", "*.yml"))
	if err != nil || len(paths) == 0 {
		f.Fatal(paths, err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		c := Default()
		if err := c.MergeBytes("a.yml", doc); err != nil {
			namesPlace(t, err)
			if d := Diff(Default(), c); len(d) > 0 {
				t.Errorf("a bad document changed %v", d)
			}
			return
		}
		if err := c.Validate(); err != nil {
			namesPlace(t, err)
		}
		c.Warnings()
		survives(t, c)
	})
}

// survives sends c over the wire and through a dump.
func survives(t *testing.T, c Config) {
	t.Helper()
	throughTheWire(t, c)
	dump, err := yaml.Dump(c)
	if err != nil {
		t.Fatal(err)
	}
	d := Default()
	if err := d.MergeBytes("dump.yml", dump); err != nil {
		t.Errorf("its dump is refused: %v\n%s", err, dump)
	} else if !sameData(c, d) {
		t.Errorf("the dump changed %v\n%s", Diff(c, d), dump)
	}
}

func throughTheWire(t *testing.T, c Config) {
	t.Helper()
	b, err := Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Decode(b)
	if err != nil || !sameData(c, d) {
		t.Errorf("the wire changed %v: %v", Diff(c, d), err)
	}
}

func namesPlace(t *testing.T, err error) {
	t.Helper()
	es, ok := errors.AsType[ConfigErrors](err)
	if !ok || len(es) == 0 {
		t.Fatalf("%T: %v", err, err)
	}
	for _, e := range es {
		if e.Key == "" && e.Line <= 0 || e.Problem == "" {
			t.Errorf("names neither key nor line: %q", e.Error())
		}
	}
}

// FuzzDecode: whatever arrives, nothing panics, and what is understood is
// written and read again without a change.
func FuzzDecode(f *testing.F) {
	b, err := Encode(Default())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"workers":3,"a":{"!!float":"NaN"},"b":{"!!map":{"!!time":"x"}},"c":1e400,"d":[-0.0,{"!!binary":"/w=="}]}`))
	f.Fuzz(func(t *testing.T, wire []byte) {
		c, err := Decode(wire)
		if err != nil {
			return
		}
		b, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Encode(d)
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("%v\n%s\n%s", err, b, again)
		}
	})
}
