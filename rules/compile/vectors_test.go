package compile_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// TestConditionVectors runs testdata/vectors/conditions.json: each condition in a
// pack of its own.
func TestConditionVectors(t *testing.T) {
	f := vectorfile.Load(t, "/testdata/vectors/conditions.json")
	var setup struct {
		Fields map[string]string `json:"fields"`
	}
	vectorfile.Into(t, f.Setup, &setup)
	for _, c := range f.Cases {
		t.Run(c.ID, func(t *testing.T) {
			var in struct {
				When  string          `json:"when"`
				Event json.RawMessage `json:"event"`
			}
			var want struct {
				Truth string `json:"truth"`
				Code  string `json:"code"`
			}
			vectorfile.Into(t, c.Input, &in)
			vectorfile.Into(t, c.Want, &want)
			pack := packOf(t, setup.Fields, in.When)
			v, err := strictjson.Parse(in.Event, strictjson.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			facts, err := rules.DecodeFacts(pack.Schema(), v)
			if err != nil {
				t.Fatal(err)
			}
			got := pack.Verdicts(facts, time.UnixMilli(c.NowMS))[0]
			why := ""
			if got.Code != 0 {
				why = got.Code.String()
			}
			if got.Truth.String() != want.Truth || why != want.Code {
				t.Errorf("%s: got %v %s, want %v %s", in.When, got.Truth, why, want.Truth, want.Code)
			}
		})
	}
}

func packOf(t *testing.T, fields map[string]string, when string) *rules.Pack {
	t.Helper()
	var list []string
	for name, typ := range fields {
		list = append(list, fmt.Sprintf("{name: %s, type: %s}", name, typ))
	}
	slices.Sort(list)
	quoted, err := json.Marshal(when)
	if err != nil {
		t.Fatal(err)
	}
	pack, err := compile.FS(fstest.MapFS{
		"pack.yaml":    {Data: []byte("name: v\nversion: \"1\"\ndefault: green\nschema: {name: v, version: 1, fields: [" + strings.Join(list, ", ") + "]}\n")},
		"rules/r.yaml": {Data: []byte("- id: R1\n  effect: yellow\n  when: " + string(quoted) + "\n  why: a vector\n")},
	}, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return pack
}
