package wasmtest

import (
	"encoding/json"

	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/wasm/abi"
)

// gate answers the first message of every story: the module remembers nothing, so that
// what follows a message is for its host.
func (l *list) gate() {
	l.tb.Helper()
	const name = "pismo_gate.json"
	f := vectorfile.Load(l.tb, vectors+name)
	var setup struct {
		Scheme   string          `json:"scheme"`
		Pack     string          `json:"pack"`
		Keys     json.RawMessage `json:"keys"`
		Accounts []string        `json:"accounts"`
		Started  int64           `json:"started_ms"`
		Methods  json.RawMessage `json:"methods"`
	}
	vectorfile.Into(l.tb, f.Setup, &setup)
	pack := l.pack()
	ring := l.ring(name, `{"format":1,"keys":`+l.keys(setup.Keys)+`,"schemes":{"pismo":{"accounts":`+quote(setup.Accounts)+`}},`+
		`"pismo":{"ref_key":{"id":"k1","secret_b64":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="},"sms":{"source":""},"call":{"number":"+15550100"}}}`)
	for i := range f.Cases {
		c := &f.Cases[i]
		var in struct {
			Steps []json.RawMessage `json:"steps"`
		}
		vectorfile.Into(l.tb, c.Input, &in)
		for _, raw := range in.Steps[:1] {
			var step struct {
				After   int64               `json:"after_ms"`
				Headers map[string][]string `json:"headers"`
				BodyB64 string              `json:"body_b64"`
			}
			if err := json.Unmarshal(raw, &step); err != nil {
				l.tb.Fatal(err)
			}
			r := &request{Scheme: setup.Scheme, Method: "POST", Path: "/v1/webhooks/pismo", Headers: step.Headers, BodyB64: step.BodyB64}
			l.arrive(name+"/"+c.ID, abi.ExportAnswer, c.NowMS+step.After, r, pack, ring)
		}
	}
	l.must(name, abi.ExportDrop, nil, nil, pack)
	l.must(name, abi.ExportDrop, nil, nil, ring)
}

// mistakes are inputs that a host, or who writes to one, may get wrong.
func (l *list) mistakes() {
	for id, input := range []string{
		"", "{}", "null", "[]", "{", `{"now_ms":1795428000000}`, `{"event":{}}`, `{"now_ms":1795428000000,"event":[]}`,
		`{"now_ms":"1795428000000","event":{}}`, `{"now_ms":1795428000000,"event":{},"more":1}`, `{"now_ms":1795428000000,"event":{}}}`,
		`{"now_ms":1795428000000,"event":{},"event":{}}`, `{"now_ms":1795428000000,"now_ms":1795428000000,"event":{}}`,
		`{"now_ms":-1,"event":{}}`, `{"now_ms":01,"event":{}}`, `{"now_ms":1e12,"event":{}}`, `{"now_ms":253402300800000,"event":{}}`,
		`{"now_ms":1000,"event":{}}`, `{"now_ms":99999999999999999999,"event":{}}`, `{"NOW_MS":1795428000000,"event":{}}`,
		` { "event" : { "id" : "e-1" } , "now_ms" : 1795428000000 } `, `{"\u006eow_ms":1795428000000,"event":{"id":"e-1"}}`,
		`{"now_ms":1795428000000,"event":{"id":"e-1","id":"e-2"}}`, "{\"now_ms\":1795428000000,\"event\":{\"id\":\"\xff\"}}",
	} {
		for _, export := range []string{abi.ExportDecide, abi.ExportExplain, abi.ExportDecideBatch, abi.ExportOpen, abi.ExportAnswer, abi.ExportRing, abi.ExportLoad} {
			l.call("mistakes/"+quote(id), export, []byte(input), 1, 1)
		}
	}
	l.call("mistakes/drop", abi.ExportDrop, nil, 4_000_000_000)
	if l.flavour == Verify {
		return
	}
	pack := l.pack()
	for id, input := range []string{
		` { "event" : { "id" : "e-1" } , "now_ms" : 1795428000000 } `, `{"\u006eow_ms":1795428000000,"event":{"id":"e-1"}}`,
		`{"now_ms":1795428000000,"event":{"id":"e-1"}}x`, `{"now_ms":1795428000000,"event":{"id":"e-1"},}`, `{"now_ms":1795428000000,"event":{"Id":"e-1"}}`,
		`{"now_ms":1000,"event":{"id":"e-1"}}`, `{"event":{"id":"e-1"},"x":1}`, `{"event":{"id":"e-1"},"now_ms":1795428000000,"x":1}`,
		`{"now_ms":1795428000000,"event":{"id":"e-1"},"x":1}`, `{"now_ms":1795428000000,"event":{}}`,
	} {
		l.call("inputs/"+quote(id), abi.ExportDecide, []byte(input), pack)
		l.call("inputs/"+quote(id)+"/batch", abi.ExportDecideBatch, []byte(input+"\n"+input), pack)
	}
	l.must("inputs", abi.ExportDrop, nil, nil, pack)
	l.call("inputs/dropped", abi.ExportDecide, []byte(`{}`), pack)
}
