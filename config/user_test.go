package config

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestCopiesAreIndependent(t *testing.T) {
	a := Default()
	a.Set("list", []any{1, 2})
	b := a
	b.Set("list", []any{3})
	b.Set("more", true)
	b.Workers = 9
	if err := b.MergeBytes("b.yml", []byte("third: 1\nlogger: x\n")); err != nil {
		t.Fatal(err)
	}
	list, _ := a.Get("list")
	_, more := a.Get("more")
	_, third := a.Get("third")
	if !reflect.DeepEqual(list, []any{1, 2}) || more || third || a.Workers != 1 || len(a.Warnings()) > 0 {
		t.Errorf("the original changed: %v %v %v %d", list, more, third, a.Workers)
	}
}

func TestValuesAreCopied(t *testing.T) {
	mine := map[string]any{"a": []any{1}, "b": []byte{1}}
	c := Default()
	c.Set("m", mine)
	mine["a"].([]any)[0] = 2
	mine["c"] = 3
	got, _ := c.Get("m")
	want := map[string]any{"a": []any{1}, "b": []byte{1}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("what was given is still shared: %v", got)
	}
	got.(map[string]any)["a"].([]any)[0] = 5
	got.(map[string]any)["b"].([]byte)[0] = 5
	if again, _ := c.Get("m"); !reflect.DeepEqual(again, want) {
		t.Errorf("what was got is shared: %v", again)
	}
	c.Set("unrecoverable_exit_codes", []int{3})
	codes, _ := c.Get("unrecoverable_exit_codes")
	codes.([]int)[0] = 4
	if c.UnrecoverableExitCodes[0] != 3 {
		t.Error("a list of ours is shared")
	}
}

func TestSetKinds(t *testing.T) {
	type point struct {
		X int `json:"x"`
	}
	type name string
	when := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("here", 3600))
	for _, r := range []struct{ in, want any }{
		{nil, nil}, {true, true}, {int8(3), 3}, {uint16(3), 3}, {uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{float32(0.5), 0.5}, {3.0, 3.0}, {name("n"), "n"}, {[]int{1, 2}, []any{1, 2}}, {[]string{}, []any{}},
		{map[string]int{"a": 1}, map[string]any{"a": 1}}, {point{3}, map[string]any{"x": 3}}, {&point{4}, map[string]any{"x": 4}},
		{[]byte("x"), []byte("x")}, {time.Millisecond, int(time.Millisecond)},
	} {
		c := Default()
		c.Set("v", r.in)
		if got, ok := c.Get("v"); !ok || !reflect.DeepEqual(got, r.want) {
			t.Errorf("%#v: %#v, want %#v", r.in, got, r.want)
		}
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
	c := Default()
	c.Set("when", when)
	if got, _ := c.Get("when"); !got.(time.Time).Equal(when) {
		t.Error(got)
	}
}

// TestWhatCanNotBeKept is said by Validate, since Set has no error, until the
// key gets another value.
func TestWhatCanNotBeKept(t *testing.T) {
	loop := map[string]any{}
	loop["self"] = loop
	for _, r := range []struct {
		key  string
		v    any
		want string
	}{
		{"v", make(chan int), "v chan int: can't be kept"},
		{"v", loop, "is nested too deeply or contains itself"},
		{"v", []any{func() {}}, "can't be kept"},
		{"v", map[string]any{"\xff": 1}, "a key is not UTF-8"},
		{"\xff", 1, "a key is not UTF-8"},
		{"v", time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC), "is a time without a text form"},
		{"wrokers", 3, "did you mean workers?"},
		{"workers", "many", "workers many: is not a whole number"},
		{"workers", []any{make(chan int)}, "has a type that can't be read"},
		{"workers", map[string]int{}, "has a type that can't be read"},
	} {
		c := Default()
		c.Set(r.key, r.v)
		err := c.Validate()
		if _, ok := errors.AsType[*ConfigError](err); !ok || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, want %s", r.key, err, r.want)
		}
	}
	c := Default()
	c.Set("v", make(chan int))
	c.Set("v", 1)
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestDecodeIntoTheUsersStruct(t *testing.T) {
	c := merge(t, `
workers: 4
message: hello
verbose: yes
every: 1m30s
app: {ports: [80, 81], since: 2026-01-02}
`)
	type app struct {
		Ports []int
		Since time.Time
	}
	got := struct {
		Message string
		Verbose bool
		Every   time.Duration
		App     app
		Missing string
		Workers int
	}{Missing: "kept"}
	if err := c.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Message != "hello" || !got.Verbose || got.Every != 90*sec || got.App.Ports[1] != 81 || got.App.Since.Year() != 2026 || got.Missing != "kept" || got.Workers != 0 {
		t.Errorf("%+v", got)
	}
	var ports app
	if err := c.DecodeKey("app", &ports); err != nil || ports.Ports[0] != 80 {
		t.Errorf("%+v %v", ports, err)
	}
	workers, missing := 0, 7
	if err := errors.Join(c.DecodeKey("workers", &workers), c.DecodeKey("missing", &missing)); err != nil || workers != 4 || missing != 7 {
		t.Error(workers, missing, err)
	}
	var wrong struct{ Message int }
	if err := c.Decode(&wrong); err == nil || !strings.Contains(err.Error(), "the keys of your own") {
		t.Errorf("%v", err)
	}
	if err := Default().Decode(&got); err != nil {
		t.Error(err)
	}
}
