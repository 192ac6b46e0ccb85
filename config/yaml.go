package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// MarshalYAML gives the YAML library a document that Merge reads back: every
// key of ours in the order of Config, then the user's by name.
func (c Config) MarshalYAML() (any, error) {
	doc := &yaml.Node{Kind: yaml.MappingNode}
	for i := range fields {
		f := &fields[i]
		if err := appendPair(doc, f.key, f.yaml(&c)); err != nil {
			return nil, err
		}
	}
	user := c.userKeys()
	for _, key := range slices.Sorted(maps.Keys(user)) {
		if err := appendPair(doc, key, user[key]); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

func appendPair(doc *yaml.Node, key string, v any) error {
	name := &yaml.Node{}
	name.SetString(key)
	val, err := yamlNode(v)
	if err != nil {
		return err
	}
	doc.Content = append(doc.Content, name, val)
	return nil
}

// yamlNode is v for the YAML library, which would write 1000.0 as 1000: another
// type when it is read again.
func yamlNode(v any) (*yaml.Node, error) {
	switch v := v.(type) {
	case *yaml.Node:
		return v, nil
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if strings.Trim(text, "-0123456789") == "" {
			return &yaml.Node{Kind: yaml.ScalarNode, Value: text + ".0"}, nil
		}
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range v {
			val, err := yamlNode(item)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, val)
		}
		return n, nil
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := appendPair(n, key, v[key]); err != nil {
				return nil, err
			}
		}
		return n, nil
	}
	n := &yaml.Node{}
	return n, n.Encode(v)
}

// yaml is the field's value for the YAML library.
func (f *field) yaml(c *Config) any {
	switch p := f.at(c).(type) {
	case *time.Duration, *Umask:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: f.text(c)}
	case *bool:
		return *p
	case *int:
		return *p
	case *int64:
		return *p
	case *float64:
		return *p
	case *[]int:
		return *p
	case *[]string:
		return *p
	}
	return f.text(c)
}
