package wasmtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/keyring/jwk"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/wasm/abi"
)

const vectors = "/testdata/vectors/"

// request is the input of a webhook case.
type request struct {
	Scheme  string              `json:"scheme"`
	Method  string              `json:"method"`
	Path    string              `json:"path"`
	Headers map[string][]string `json:"headers"`
	BodyB64 string              `json:"body_b64"`
}

// input is a request as issuant_open takes it. What a vector leaves out is left out.
func (r *request) input(nowMS int64) []byte {
	return []byte(`{"now_ms":` + quote(nowMS) + `,"scheme":` + quote(r.Scheme) + `,"method":` + quote(r.Method) +
		`,"path":` + quote(r.Path) + `,"headers":` + quote(r.Headers) + `,"body_b64":` + quote(r.BodyB64) + `}`)
}

// frame is input in the other form. Of texts that are not UTF-8 JSON has none.
func (r *request) frame(tb testing.TB, nowMS int64) []byte {
	tb.Helper()
	body, err := base64.StdEncoding.DecodeString(r.BodyB64)
	if err != nil {
		tb.Fatal(err)
	}
	f := abi.Frame{NowMs: nowMS, Scheme: r.Scheme, Method: r.Method, Path: r.Path, Body: body}
	for name, values := range r.Headers {
		for _, value := range values {
			f.Fields = append(f.Fields, abi.Field{Name: name, Value: value})
		}
	}
	return append(f.AppendHead(nil), body...)
}

// arrive makes a call with a request in both forms, whose replies must be the same.
func (l *list) arrive(id, export string, nowMS int64, r *request, args ...uint32) []byte {
	l.tb.Helper()
	reply := l.call(id, export, r.input(nowMS), args...)
	if got := l.call(id+"/frame", export, r.frame(l.tb, nowMS), args...); !bytes.Equal(got, reply) {
		l.tb.Errorf("%s: as a frame\n%q\nas JSON\n%q", id, got, reply)
	}
	return reply
}

// keys turns a key document into the keys of a ring document.
func (l *list) keys(document []byte) string {
	l.tb.Helper()
	keys, _, err := source.ParseKeys(document)
	if err != nil {
		l.tb.Fatal(err)
	}
	var out []string
	for i := range keys {
		text, err := jwk.Append(nil, &keys[i])
		if err != nil {
			l.tb.Fatal(err)
		}
		out = append(out, string(text))
	}
	return "[" + strings.Join(out, ",") + "]"
}

// ring loads a ring document and returns its handle.
func (l *list) ring(id, document string) uint32 {
	l.tb.Helper()
	var h handle
	l.must(id, abi.ExportRing, []byte(document), &h)
	return h.Handle
}

// opened compares a reply of issuant_open with a vector.
func (l *list) opened(id string, c *vectorfile.Case, reply []byte) {
	l.tb.Helper()
	l.expect(id, c.NowMS, reply, c.Expect)
	if Code(reply) != 0 {
		return
	}
	var got struct {
		KeyID  string          `json:"key_id"`
		Claims json.RawMessage `json:"claims"`
	}
	var want bytes.Buffer
	if err := json.Unmarshal(reply[abi.CodeBytes:], &got); err != nil {
		l.tb.Fatal(err)
	}
	if err := json.Compact(&want, c.Want); err != nil {
		l.tb.Fatal(err)
	}
	if text := `{"key_id":` + quote(got.KeyID) + `,"claims":` + string(got.Claims) + `}`; text != want.String() {
		l.tb.Errorf("%s: %s, want %s", id, text, want.String())
	}
}

// webhooks runs a file of the kind webhook.
func (l *list) webhooks(name string) {
	l.tb.Helper()
	f := vectorfile.Load(l.tb, vectors+name)
	var setup struct {
		Scheme  string          `json:"scheme"`
		Keys    json.RawMessage `json:"keys"`
		Options json.RawMessage `json:"options"`
	}
	vectorfile.Into(l.tb, f.Setup, &setup)
	ring := l.ring(name, `{"format":1,"keys":`+l.keys(setup.Keys)+`,"schemes":{`+quote(setup.Scheme)+`:`+string(setup.Options)+`}}`)
	for i := range f.Cases {
		c := &f.Cases[i]
		r := request{Scheme: setup.Scheme}
		vectorfile.Into(l.tb, c.Input, &r)
		l.opened(name+"/"+c.ID, c, l.arrive(name+"/"+c.ID, abi.ExportOpen, c.NowMS, &r, ring))
	}
	l.must(name, abi.ExportDrop, nil, nil, ring)
}

// schemes runs the cases of every built-in scheme that the flavour has.
func (l *list) schemes() {
	l.tb.Helper()
	const name = "webhook_schemes.json"
	f := vectorfile.Load(l.tb, vectors+name)
	var setup struct {
		Keys json.RawMessage `json:"keys"`
	}
	vectorfile.Into(l.tb, f.Setup, &setup)
	var settings []string
	absent := map[string]bool{}
	for _, s := range webhook.Presets() {
		if s.Name == webhook.PismoScheme {
			continue
		}
		if s.Algorithm == webhook.Ed25519 && l.flavour != Full {
			absent[s.Name] = true
			document := `{"format":1,"keys":[],"schemes":{` + quote(s.Name) + `:{}}}`
			if reply := l.call(name+"/absent", abi.ExportRing, []byte(document)); Code(reply) != uint32(code.AlgorithmAbsent) {
				l.tb.Errorf("%s: a scheme whose algorithm is absent: %s", s.Name, reply[abi.CodeBytes:])
			}
			continue
		}
		settings = append(settings, quote(s.Name)+`:{"unsafe_uncovered_body":`+quote(s.Coverage() == webhook.CoversNothing)+`}`)
	}
	ring := l.ring(name, `{"format":1,"keys":`+l.keys(setup.Keys)+`,"schemes":{`+strings.Join(settings, ",")+`}}`)
	for i := range f.Cases {
		c := &f.Cases[i]
		var r request
		vectorfile.Into(l.tb, c.Input, &r)
		if absent[r.Scheme] {
			continue
		}
		reply := l.arrive(name+"/"+c.ID, abi.ExportOpen, c.NowMS, &r, ring)
		if l.flavour != Full && r.Scheme == "rfc9421" && Code(reply) == uint32(code.KeyRefused) {
			continue // it names a key on a curve, which the flavour does not hold
		}
		l.opened(name+"/"+c.ID, c, reply)
	}
	l.must(name, abi.ExportDrop, nil, nil, ring)
}

// pack loads the starter pack.
func (l *list) pack() uint32 {
	l.tb.Helper()
	p, err := starter.Pack()
	if err != nil {
		l.tb.Fatal(err)
	}
	var h handle
	l.must("starter", abi.ExportLoad, p.Encode(), &h)
	return h.Handle
}

// decisions runs whole decisions, with their explanations, one by one and in a batch.
func (l *list) decisions() {
	l.tb.Helper()
	const name = "decisions.json"
	f := vectorfile.Load(l.tb, vectors+name)
	pack := l.pack()
	var batch, lines bytes.Buffer
	for i := range f.Cases {
		c := &f.Cases[i]
		var in struct {
			Event json.RawMessage `json:"event"`
		}
		vectorfile.Into(l.tb, c.Input, &in)
		var event, want bytes.Buffer
		if err := json.Compact(&event, in.Event); err != nil {
			l.tb.Fatal(err)
		}
		if err := json.Compact(&want, c.Want); err != nil {
			l.tb.Fatal(err)
		}
		id, input := name+"/"+c.ID, []byte(`{"now_ms":`+quote(c.NowMS)+`,"event":`+event.String()+`}`)
		reply := l.call(id, abi.ExportDecide, input, pack)
		l.expect(id, c.NowMS, reply, c.Expect)
		if Code(reply) == 0 && !bytes.Equal(reply[abi.CodeBytes:], want.Bytes()) {
			l.tb.Errorf("%s:\ngot  %s\nwant %s", id, reply[abi.CodeBytes:], want.Bytes())
		}
		l.call(id+"/explained", abi.ExportExplain, input, pack)
		batch.Write(append(input, '\n'))
		lines.Write(append(reply[abi.CodeBytes:len(reply):len(reply)], '\n'))
	}
	if reply := l.call(name+"/batch", abi.ExportDecideBatch, batch.Bytes(), pack); !bytes.Equal(reply[abi.CodeBytes:], lines.Bytes()) {
		l.tb.Errorf("%s: a batch gives other lines than single calls", name)
	}
	l.must(name, abi.ExportDrop, nil, nil, pack)
}

// events decides on all events of the vectors, readable ones and others.
func (l *list) events() {
	l.tb.Helper()
	const name = "events.json"
	f := vectorfile.Load(l.tb, vectors+name)
	pack := l.pack()
	for i := range f.Cases {
		c := &f.Cases[i]
		var in struct {
			Text    string `json:"text"`
			BodyB64 string `json:"body_b64"`
		}
		vectorfile.Into(l.tb, c.Input, &in)
		text := []byte(in.Text)
		if in.BodyB64 != "" {
			var err error
			if text, err = base64.StdEncoding.DecodeString(in.BodyB64); err != nil {
				l.tb.Fatal(err)
			}
		}
		if len(text) > abi.MaxEvent-64 {
			continue // longer than a tray that decides takes
		}
		input := append(append([]byte(`{"now_ms":1795428000000,"event":`), text...), '}')
		l.call(name+"/"+c.ID, abi.ExportDecide, input, pack)
		l.call(name+"/"+c.ID+"/explained", abi.ExportExplain, input, pack)
	}
	l.must(name, abi.ExportDrop, nil, nil, pack)
}
