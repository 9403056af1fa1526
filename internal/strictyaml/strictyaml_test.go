package strictyaml_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/internal/strictyaml"
)

func Example() {
	root, _ := strictyaml.Document([]byte("name: a\nlist: [b, c]\n"))
	var name string
	var list []string
	r := &strictyaml.Reader{}
	r.Mapping(root, "", strictyaml.Fields{"name": r.Text(&name), "list": r.Texts(&list)})
	fmt.Println(name, list, r.Wrong())
	// Output: a [b c] <nil>
}

func TestReaderSaysNoWithThePlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "empty",
		"a: [":                 "not YAML",
		"a: b\n---\nc: d\n":    "more than one document",
		"- a\n":                "line 1, column 1: wants names and values",
		"b: 1\n":               `line 1, column 1: unknown name "b"`,
		"text: a\ntext: b\n":   "line 2, column 1: text stands twice",
		"text: &x a\n":         "line 1, column 7: anchors",
		"text: [a]\n":          "line 1, column 7: wants one text",
		"text: true\n":         "line 1, column 7: wants a text",
		"text: \"\"\n":         "line 1, column 7: wants a text",
		"list: a\n":            "line 1, column 7: wants a list",
		"time: soon\n":         "line 1, column 7: wants a time",
		"time: 0s\n":           "line 1, column 7: wants a time",
		"yes: maybe\n":         "line 1, column 6: wants true or false",
		"&a x: b\n":            "unknown name",
		"? [a]\n: b\n":         "unknown name",
		"inner: {text: [a]}\n": "wants one text",
	} {
		root, wrong := strictyaml.Document([]byte(text))
		if wrong == nil {
			wrong = read(root)
		}
		if wrong == nil || !strings.Contains(wrong.Error(), want) {
			t.Errorf("%q: %v", text, wrong)
		}
	}
}

func read(root *yaml.Node) *strictyaml.Fault {
	var text string
	var list []string
	var d time.Duration
	var yes bool
	r := &strictyaml.Reader{}
	r.Mapping(root, "", strictyaml.Fields{
		"text": r.Text(&text), "list": r.Texts(&list), "time": r.Duration(&d), "yes": r.Bool(&yes), "inner": r.Inner("inner", strictyaml.Fields{"text": r.Text(&text)}),
	})
	return r.Wrong()
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte("a: {b: [c, d]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		root, wrong := strictyaml.Document(data)
		if (root == nil) == (wrong == nil) {
			t.Fatal(root, wrong)
		}
		if wrong == nil {
			_ = read(root)
		}
	})
}
