package config

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// randomConfig has any value in every field, valid or not, and user keys of
// every kind.
func randomConfig(r *rand.Rand) Config {
	c := Default()
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.CanSet() && r.IntN(3) > 0 {
			f.Set(randomOf(r, f.Type()))
		}
	}
	for range r.IntN(6) {
		c.Set("user "+randomText(r), randomValue(r, 3))
	}
	return c
}

func randomOf(r *rand.Rand, typ reflect.Type) reflect.Value {
	v := reflect.New(typ).Elem()
	switch typ.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		n := int64(r.Uint64() >> r.IntN(64))
		if typ == reflect.TypeFor[Umask]() {
			n = r.Int64N(0o1000)
		} else if r.IntN(2) == 0 {
			n = -n
		}
		v.SetInt(n)
	case reflect.Float64:
		v.SetFloat(r.NormFloat64() * math.Pow(10, float64(r.IntN(30))))
	case reflect.String:
		s := randomText(r)
		if typ.Name() != "string" { // enumerations are lower case on the wire
			s = word(strings.ToValidUTF8(s, ""))
		}
		v.SetString(s)
	case reflect.Slice:
		for range 1 + r.IntN(3) {
			v.Set(reflect.Append(v, randomOf(r, typ.Elem())))
		}
	}
	return v
}

func randomText(r *rand.Rand) string {
	b := make([]byte, r.IntN(8))
	for i := range b {
		b[i] = byte(r.IntN(256))
	}
	if r.IntN(2) == 0 {
		return strings.ToValidUTF8(string(b), "é")
	}
	return "t" + strings.ToValidUTF8(string(b), "")
}

func randomValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(11); {
	case n == 0:
		return nil
	case n == 1:
		return r.IntN(2) == 0
	case n == 2:
		return int(r.Uint64())
	case n == 3:
		return r.Uint64() | 1<<63
	case n == 4:
		return []float64{0, 1, -3, 1e21, 5e-324, math.Inf(1), math.Inf(-1), r.NormFloat64(), math.MaxFloat64}[r.IntN(9)]
	case n == 5:
		return time.Unix(r.Int64N(1<<33), r.Int64N(1e9)).In(time.FixedZone("", 3600*r.IntN(10)))
	case n == 6:
		return []byte(randomText(r) + "\xff")
	case n == 7:
		return randomText(r) + "\xff"
	case n == 8 && depth > 0:
		m := map[string]any{}
		for range r.IntN(3) {
			m[[]string{markMap, markFloat, markTime, "a", ""}[r.IntN(5)]] = randomValue(r, depth-1)
		}
		return m
	case n == 9 && depth > 0:
		list := []any{}
		for range r.IntN(3) {
			list = append(list, randomValue(r, depth-1))
		}
		return list
	}
	return randomText(r)
}

func TestWireKeepsEverything(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 500 {
		c := randomConfig(r)
		b, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Decode(b)
		if err != nil {
			t.Fatalf("%d: %v\n%s", i, err, b)
		}
		if !sameData(c, d) {
			t.Fatalf("%d: %v\n%s", i, Diff(c, d), b)
		}
		if again, err := Encode(d); err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%d: %v\n%s\n%s", i, err, b, again)
		}
	}
}

// sameData compares all but the places and warnings.
func sameData(a, b Config) bool {
	ua, ub := a.userKeys(), b.userKeys()
	a.notes, b.notes = nil, nil
	if !reflect.DeepEqual(a, b) || len(ua) != len(ub) {
		return false
	}
	return len(diffUser(ua, ub)) == 0
}

func TestWireOfDefault(t *testing.T) {
	b, err := Encode(Default())
	if err != nil {
		t.Fatal(err)
	}
	d, err := Decode(b)
	if err != nil || !reflect.DeepEqual(d, Default()) {
		t.Errorf("%v %v", Diff(Default(), d), err)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
}

// TestNewCodeUnderAnOldTop: the child knows keys that its parent took for the
// user's, and the other way round.
func TestNewCodeUnderAnOldTop(t *testing.T) {
	d, err := Decode([]byte(`{"workers":3,"stop_timeout":30,"worker_type":"process","from_the_future":"2m","log":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := d.Get("from_the_future"); v != "2m" {
		t.Error(v)
	}
	want := Default()
	want.Workers, want.StopTimeout, want.WorkerType = 3, 30*sec, Process
	want.Set("from_the_future", "2m")
	if !sameData(d, want) {
		t.Error(Diff(want, d))
	}
	b, err := Encode(d)
	if err != nil || !bytes.Contains(b, []byte(`"from_the_future":"2m"`)) {
		t.Errorf("%v %s", err, b)
	}
}

func TestWireRefusesOtherThings(t *testing.T) {
	for _, s := range []string{"", "null x", "[]", "{", `{"workers":3} {}`, `{"workers":"many"}`, `{"workers":{}}`, `{"daemonize":7}`, `{"listen":[[1]]}`} {
		if d, err := Decode([]byte(s)); err == nil {
			t.Errorf("%q was read: %v", s, Diff(Default(), d))
		}
	}
	_, err := Decode([]byte(`{"workers":"many","daemonize":7}`))
	if es, ok := errors.AsType[ConfigErrors](err); !ok || len(es) != 2 || es[0].Key != "daemonize" {
		t.Errorf("%v", err)
	}
}

// TestYAMLKeepsEverything: what the YAML library writes of a valid Config,
// Merge reads back.
func TestYAMLKeepsEverything(t *testing.T) {
	c := Default()
	for _, r := range keyRows {
		if !strings.HasPrefix(r.key, "signal_") {
			c.Set(r.key, r.want)
		}
	}
	c.Set("message", "hello: you")
	c.Set("number like", "010")
	c.Set("app", map[string]any{"a": []any{1, 2.5, nil, true}, "b": ":sym"})
	b, err := yaml.Dump(c)
	if err != nil {
		t.Fatal(err)
	}
	d := Default()
	if err := d.MergeBytes("dump.yml", b); err != nil {
		t.Fatal(err)
	}
	if !sameData(c, d) {
		t.Errorf("%v\n%s", Diff(c, d), b)
	}
}

func BenchmarkEncode(b *testing.B) {
	c := Default()
	c.Set("message", "hello")
	for b.Loop() {
		if _, err := Encode(c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	c := Default()
	c.Set("message", "hello")
	wire, err := Encode(c)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		if _, err := Decode(wire); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(Default()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	x, y := Default(), Default()
	y.Workers = 2
	for b.Loop() {
		Diff(x, y)
	}
}
