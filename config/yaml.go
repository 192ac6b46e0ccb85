package config

import (
	"maps"
	"slices"
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
	name, val := &yaml.Node{}, &yaml.Node{}
	name.SetString(key)
	if n, ok := v.(*yaml.Node); ok {
		val = n
	} else if err := val.Encode(v); err != nil {
		return err
	}
	doc.Content = append(doc.Content, name, val)
	return nil
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
