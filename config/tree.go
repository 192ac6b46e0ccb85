package config

import (
	"errors"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

const (
	maxNodes = 200_000 // values of one document, aliases counted each time they are used
	maxDepth = 100     // nesting of a user's value
)

// tree walks a parsed document. Aliases are followed, so a small document can
// stand for an endless one: left bounds the walk.
type tree struct {
	left   int
	merges int // nesting of <<
	errs   ConfigErrors
}

// pair is one key of a mapping and its value.
type pair struct {
	key  string
	val  *yaml.Node
	line int
}

// spend counts one value; false means that the document is too large.
func (t *tree) spend() bool {
	t.left--
	return t.left >= 0
}

var errTooLarge = errors.New("stands for too many values or refers to itself")

// pairs returns the keys of a mapping, those merged by << behind its own, each
// once. What it can't read goes to t.errs.
func (t *tree) pairs(n *yaml.Node) []pair {
	seen := map[string]int{}
	var own []pair
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if !t.spend() {
			t.fail(k, "", errTooLarge.Error())
			return nil
		}
		if k.Kind == yaml.ScalarNode && k.ShortTag() == "!!merge" {
			merges = append(merges, v)
			continue
		}
		k = follow(k)
		if k.Kind != yaml.ScalarNode {
			t.fail(n.Content[i], "", "a key is no simple text")
			continue
		}
		key := keyText(k.Value)
		if first, dup := seen[key]; dup {
			t.fail(n.Content[i], key, "is given twice, first in line "+strconv.Itoa(first))
			continue
		}
		seen[key] = n.Content[i].Line
		own = append(own, pair{key, v, n.Content[i].Line})
	}
	for _, m := range merges {
		own = t.merge(own, seen, m)
	}
	return own
}

// merge adds the keys of the mapping, or list of mappings, behind a << that are
// not there yet.
func (t *tree) merge(own []pair, seen map[string]int, n *yaml.Node) []pair {
	t.merges++
	defer func() { t.merges-- }()
	if t.merges > maxDepth || !t.spend() {
		t.fail(n, "<<", errTooLarge.Error())
		return own
	}
	target := follow(n)
	switch target.Kind {
	case yaml.MappingNode:
		for _, p := range t.pairs(target) {
			if _, dup := seen[p.key]; !dup {
				seen[p.key] = p.line
				own = append(own, p)
			}
		}
	case yaml.SequenceNode:
		for _, m := range target.Content {
			own = t.merge(own, seen, m)
		}
	default:
		t.fail(n, "<<", "is no mapping to merge")
	}
	return own
}

// fail records one problem; the same line is not reported for ever.
func (t *tree) fail(n *yaml.Node, key, problem string) {
	const most = 100
	if len(t.errs) < most {
		t.errs = append(t.errs, &ConfigError{Key: key, Line: max(n.Line, 1), Problem: problem})
	}
}

// follow returns what an alias stands for. Aliases can't point at aliases.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// keyText is the name a key means: a Ruby symbol (:workers, :"workers") without
// its colon. A name that would be read as a symbol once more is left as it is:
// what is written out has to mean the same when it is read again.
func keyText(text string) string {
	name, ok := strings.CutPrefix(text, ":")
	if len(name) > 2 && name[0] == '"' && name[len(name)-1] == '"' {
		name = name[1 : len(name)-1]
	}
	if !ok || name == "" || name[0] == ':' {
		return text
	}
	return name
}

// given reads a value for a key of ours: a scalar or a list of scalars.
func (t *tree) given(n *yaml.Node) (g given, null bool, problem *ConfigError) {
	n = follow(n)
	switch n.Kind {
	case yaml.ScalarNode:
		text, err := scalarText(n)
		return given{text: text}, n.ShortTag() == "!!null", err
	case yaml.SequenceNode:
		g := given{isList: true}
		for _, item := range n.Content {
			item = follow(item)
			if item.Kind != yaml.ScalarNode || !t.spend() {
				return g, false, &ConfigError{Problem: "has an element that is no simple value"}
			}
			text, err := scalarText(item)
			if err != nil {
				return g, false, err
			}
			g.list = append(g.list, text)
		}
		return g, false, nil
	}
	return given{}, false, &ConfigError{Problem: "is a mapping", Hint: "write a simple value"}
}

// scalarText is the text of a simple value as it is written; one that is no UTF-8,
// as a path may be, is written in base64.
func scalarText(n *yaml.Node) (string, *ConfigError) {
	if n.ShortTag() != "!!binary" {
		return n.Value, nil
	}
	v, err := scalar(n)
	switch v := v.(type) {
	case string:
		return v, err
	case []byte:
		return string(v), err
	}
	return "", err
}

// value reads a value of the user: nil, bool, int, uint64, float64, string,
// time.Time, []any or map[string]any.
func (t *tree) value(n *yaml.Node, depth int) (any, *ConfigError) {
	n = follow(n)
	if depth > maxDepth || !t.spend() {
		return nil, &ConfigError{Line: n.Line, Problem: errTooLarge.Error()}
	}
	switch n.Kind {
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, item := range n.Content {
			v, err := t.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return t.object(n, depth)
	}
	return scalar(n)
}

func (t *tree) object(n *yaml.Node, depth int) (any, *ConfigError) {
	before := len(t.errs)
	m := map[string]any{}
	for _, p := range t.pairs(n) {
		v, err := t.value(p.val, depth+1)
		if err != nil {
			return nil, err
		}
		m[p.key] = v
	}
	if len(t.errs) > before { // one problem per key of the user is enough
		err := t.errs[before]
		t.errs = t.errs[:before]
		return nil, err
	}
	return m, nil
}

// scalar reads a simple value; one of a foreign tag is its text.
func scalar(n *yaml.Node) (any, *ConfigError) {
	switch n.ShortTag() {
	case "!!null", "!!bool", "!!int", "!!float", "!!timestamp", "!!binary":
	default:
		return n.Value, nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, &ConfigError{Line: n.Line, Value: shown(n.Value), Problem: "is no " + strings.TrimPrefix(n.ShortTag(), "!!"), cause: err}
	}
	v, err := canonical(v, 0)
	if err != nil {
		return nil, &ConfigError{Line: n.Line, Value: shown(n.Value), Problem: err.Error(), cause: err}
	}
	return v, nil
}

// yamlValue reads a value of the user that stands alone.
func yamlValue(text string) (v any, problem *ConfigError) {
	defer func() { // as in parse: a parser's bug
		if recover() != nil {
			v, problem = text, nil
		}
	}()
	doc := &yaml.Node{}
	if err := yaml.Load([]byte(text), doc); err != nil || len(doc.Content) == 0 {
		return text, nil // not YAML: the text itself
	}
	t := &tree{left: maxNodes}
	return t.value(doc.Content[0], 0)
}
