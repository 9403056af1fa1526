package schemas

import (
	"bytes"
	"encoding/json"
	"sort"
)

// member is one member of an ordered JSON object.
type member struct {
	name  string
	value any
}

// node is a JSON object whose members keep their order.
type node []member

// MarshalJSON writes the members in their order.
func (n node) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// marshal is json.Marshal without the escapes that only HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

func (n node) with(name string, value any) node {
	return append(n[:len(n):len(n)], member{name, value})
}

// doc adds a description, unless it is empty.
func (n node) doc(text string) node {
	if text == "" {
		return n
	}
	return n.with("description", text)
}

// or is n or null.
func (n node) orNull() node { return node{{"anyOf", []node{n, {{"type", "null"}}}}} }

func typed(t string) node { return node{{"type", t}} }

func str() node     { return typed("string") }
func boolean() node { return typed("boolean") }

func integer(bounds ...int64) node {
	n := typed("integer")
	if len(bounds) > 0 {
		n = n.with("minimum", bounds[0])
	}
	if len(bounds) > 1 {
		n = n.with("maximum", bounds[1])
	}
	return n
}

func enum[T any](values ...T) node { return node{{"enum", values}} }

func array(items node) node { return node{{"type", "array"}, {"items", items}} }

func strs() node { return array(str()) }

// oneOrMany is a string or a list of strings.
func oneOrMany() node { return node{{"anyOf", []node{str(), strs()}}} }

func digest() node { return node{{"type", "string"}, {"pattern", "^[0-9a-f]{64}$"}} }

func dateTime() node { return node{{"type", "string"}, {"format", "date-time"}} }

// date is a day. In YAML it may also stand without quotes.
func date() node { return node{{"type", "string"}, {"pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}} }

// object is a closed object; names that end in "?" may be left out.
func object(members ...member) node {
	var properties node
	required := []string{}
	for _, m := range members {
		name := m.name
		if n := len(name); name[n-1] == '?' {
			name = name[:n-1]
		} else {
			required = append(required, name)
		}
		properties = append(properties, member{name, m.value})
	}
	n := node{{"type", "object"}, {"properties", properties}}
	if len(required) > 0 {
		n = n.with("required", required)
	}
	return n.with("additionalProperties", false)
}

// mapOf is an object of any names with values of one kind.
func mapOf(value node) node { return node{{"type", "object"}, {"additionalProperties", value}} }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
