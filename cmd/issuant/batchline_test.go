package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

const goodLine = `{"id":"a","now":1651672630,"method":"POST","path":"/","headers":{"X-A":"1","x-a":["2","3"]},"body_b64":"e30="}`

func TestParseBatchLineTakes(t *testing.T) {
	b, err := parseBatchLine([]byte(goodLine))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %d %s %s %v %s", b.id, b.now.Unix(), b.method, b.path, b.headers, b.body)
	if got != "a 1651672630 POST / map[X-A:[1] x-a:[2 3]] {}" {
		t.Error(got)
	}
	b, err = parseBatchLine([]byte(strings.Replace(goodLine, `"now":1651672630,`, "", 1)))
	if err != nil || b.now != nil {
		t.Error(b, err)
	}
}

func TestParseBatchLineRefuses(t *testing.T) {
	swap := func(from, to string) string { return strings.Replace(goodLine, from, to, 1) }
	for name, in := range map[string]string{
		"empty":           "",
		"blank":           "  ",
		"array":           "[]",
		"no id":           swap(`"id":"a",`, ""),
		"id not a string": swap(`"id":"a"`, `"id":1`),
		"id null":         swap(`"id":"a"`, `"id":null`),
		"id twice":        swap(`"id":"a"`, `"id":"a","id":"a"`),
		"Id":              swap(`"id":"a"`, `"Id":"a"`),
		"now fraction":    swap("1651672630", "1651672630.5"),
		"now string":      swap("1651672630", `"1651672630"`),
		"now null":        swap("1651672630", "null"),
		"now far":         swap("1651672630", "99999999999"),
		"no method":       swap(`"method":"POST",`, ""),
		"no path":         swap(`"path":"/",`, ""),
		"headers array":   swap(`{"X-A":"1","x-a":["2","3"]}`, `[]`),
		"header number":   swap(`"X-A":"1"`, `"X-A":1`),
		"header nested":   swap(`["2","3"]`, `[["2"]]`),
		"header twice":    swap(`"x-a"`, `"X-A"`),
		"body url":        swap("e30=", "e30_"),
		"body unpadded":   swap("e30=", "e30"),
		"body bits":       swap("e30=", "e31="),
		"body line end":   swap("e30=", `e30\n=`),
		"unknown member":  swap(`"id"`, `"x":1,"id"`),
		"two values":      goodLine + goodLine,
		"half":            goodLine[:40],
		"not UTF-8":       swap(`"a"`, "\"\xff\""),
	} {
		if b, err := parseBatchLine([]byte(in)); err == nil {
			t.Errorf("%s: taken as %+v", name, b)
		}
	}
}

func FuzzBatchLine(f *testing.F) {
	f.Add([]byte(goodLine))
	f.Add([]byte(`{"id":null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		b, err := parseBatchLine(line)
		if err != nil {
			return
		}
		// What was taken holds its body in the one canonical form, word for word.
		if len(b.body) > 0 && !strings.Contains(strings.ReplaceAll(string(line), `\/`, "/"), base64.StdEncoding.EncodeToString(b.body)) &&
			!strings.Contains(string(line), `\u`) {
			t.Fatalf("body %q is not the text of %q", b.body, line)
		}
	})
}
