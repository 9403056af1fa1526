package wasmtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/wasm/abi"
)

// Stories are all vectors that an export takes, in a fixed order.
func Stories(tb testing.TB) []Story {
	tb.Helper()
	var all []Story
	for _, name := range []string{"pismo_verify.json", "pismo_authorization.json"} {
		all = append(all, pismoStory(tb, name))
	}
	all = append(all, schemesStory(tb), eventsStory(tb), decisionsStory(tb), gateStory(tb))
	all = append(all, conditionStories(tb)...)
	return append(all, codecStories(tb)...)
}

func load(tb testing.TB, name string, setup any) *vectorfile.File {
	tb.Helper()
	f := vectorfile.Load(tb, "/testdata/vectors/"+name)
	vectorfile.Into(tb, f.Setup, setup)
	return f
}

// request is the input of the kinds webhook and webhook_schemes.
type request struct {
	Scheme  string          `json:"scheme"`
	Method  string          `json:"method"`
	Path    string          `json:"path"`
	Headers json.RawMessage `json:"headers"` // as it stands: names may differ in case alone
	BodyB64 string          `json:"body_b64"`
}

func (r *request) input(nowMS int64) []byte {
	return fmt.Appendf(nil, `{"now_ms":%d,"scheme":%s,"method":%s,"path":%s,"headers":%s,"body_b64":%s}`,
		nowMS, quote(r.Scheme), quote(r.Method), quote(r.Path), r.Headers, quote(r.BodyB64))
}

// expectAt is what a vector expects at its instant: the module refuses all that lie
// before its release.
func expectAt(c *vectorfile.Case) string {
	if c.NowMS < abi.BuiltMs {
		return "clock"
	}
	return c.Expect
}

func opened(want json.RawMessage) func([]byte) error {
	return func(reply []byte) error {
		return same(reply, want, func(v map[string]json.RawMessage) any {
			return map[string]json.RawMessage{"key_id": v["key_id"], "claims": v["claims"]}
		})
	}
}

// same compares a part of a reply with what a vector wants, as JSON.
func same(reply, want []byte, part func(map[string]json.RawMessage) any) error {
	var got map[string]json.RawMessage
	if err := json.Unmarshal(reply, &got); err != nil {
		return err
	}
	a, err := json.Marshal(part(got))
	if err != nil {
		return err
	}
	var x, y any
	if err := errorsOf(json.Unmarshal(a, &x), json.Unmarshal(want, &y)); err != nil {
		return err
	}
	b, err := json.Marshal(y)
	if err != nil {
		return err
	}
	if a, err = json.Marshal(x); err != nil || !bytes.Equal(a, b) {
		return fmt.Errorf("got %s, want %s", a, b)
	}
	return nil
}

func errorsOf(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

func pismoStory(tb testing.TB, name string) Story {
	var setup struct {
		Scheme  string          `json:"scheme"`
		Keys    json.RawMessage `json:"keys"`
		Options json.RawMessage `json:"options"`
	}
	f := load(tb, name, &setup)
	s := Story{Name: name, Ring: ringDocument(keysOf(tb, setup.Keys), map[string]json.RawMessage{"pismo": setup.Options}, nil)}
	for i := range f.Cases {
		c := &f.Cases[i]
		in := request{Scheme: "pismo"}
		vectorfile.Into(tb, c.Input, &in)
		step := Step{c.ID, abi.ExportOpen, in.input(c.NowMS), expectAt(c), opened(c.Want)}
		if c.ID == "key-ended-just-now" {
			step.Expect, step.Check = "", nil // by milliseconds, which a JWK cannot say
		}
		s.Steps = append(s.Steps, step)
	}
	return s
}

func schemesStory(tb testing.TB) Story {
	var setup struct {
		Keys struct {
			Keys []json.RawMessage `json:"keys"`
		} `json:"keys"`
	}
	const name = "webhook_schemes.json"
	f := load(tb, name, &setup)
	settings := map[string]json.RawMessage{}
	for _, p := range webhook.Presets() {
		settings[p.Name] = json.RawMessage(`{}`)
		if p.Coverage() == webhook.CoversNothing {
			settings[p.Name] = json.RawMessage(`{"unsafe_uncovered_body":true}`)
		}
		if p.Name == webhook.PismoScheme {
			settings[p.Name] = json.RawMessage(`{"unsafe_any_account":true}`)
		}
	}
	s := Story{Name: name, Ring: ringDocument(setup.Keys.Keys, settings, nil)}
	for i := range f.Cases {
		c := &f.Cases[i]
		var in request
		vectorfile.Into(tb, c.Input, &in)
		s.Steps = append(s.Steps, Step{c.ID, abi.ExportOpen, in.input(c.NowMS), expectAt(c), opened(c.Want)})
	}
	return s
}

func starterPack(tb testing.TB) []byte {
	tb.Helper()
	p, err := starter.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return p.Encode()
}

func eventInput(nowMS int64, event []byte) []byte {
	return fmt.Appendf(nil, `{"now_ms":%d,"event":%s}`, nowMS, event)
}

// eventsStory decides the texts of events.json: those that are refused have the same code
// inside of an input.
func eventsStory(tb testing.TB) Story {
	var setup struct {
		Schema string `json:"schema"`
	}
	const name = "events.json"
	f := load(tb, name, &setup)
	s := Story{Name: name, Pack: starterPack(tb)}
	for i := range f.Cases {
		c := &f.Cases[i]
		var in struct {
			Text    string `json:"text"`
			BodyB64 []byte `json:"body_b64"`
		}
		vectorfile.Into(tb, c.Input, &in)
		text := in.BodyB64
		if text == nil {
			text = []byte(in.Text)
		}
		s.Steps = append(s.Steps, Step{ID: c.ID, Export: abi.ExportDecide, Input: eventInput(abi.BuiltMs, text)})
	}
	return s
}

func decisionsStory(tb testing.TB) Story {
	var setup struct {
		ID   string `json:"id"`
		Pack string `json:"pack"`
	}
	const name = "decisions.json"
	f := load(tb, name, &setup)
	s := Story{Name: name, Pack: starterPack(tb)}
	var batch []byte
	for i := range f.Cases {
		c := &f.Cases[i]
		var in struct {
			Event json.RawMessage `json:"event"`
		}
		vectorfile.Into(tb, c.Input, &in)
		var event, want bytes.Buffer
		if err := errorsOf(json.Compact(&event, in.Event), json.Compact(&want, c.Want)); err != nil {
			tb.Fatal(err)
		}
		input := eventInput(c.NowMS, event.Bytes())
		batch = append(append(batch, input...), '\n')
		s.Steps = append(s.Steps,
			Step{c.ID, abi.ExportDecide, input, c.Expect, func(reply []byte) error {
				if !bytes.Equal(reply, want.Bytes()) {
					return fmt.Errorf("got %s, want %s", reply, want.Bytes())
				}
				return nil
			}},
			Step{ID: c.ID, Export: abi.ExportExplain, Input: input, Expect: c.Expect})
	}
	s.Steps = append(s.Steps, Step{ID: "all", Export: abi.ExportDecideBatch, Input: batch, Expect: "ok", Check: func(reply []byte) error {
		if got := bytes.Count(reply, []byte("\n")); got != len(f.Cases) {
			return fmt.Errorf("%d lines for %d events", got, len(f.Cases))
		}
		return nil
	}})
	return s
}

// gateStory answers the messages of pismo_gate.json, each for itself: the module
// remembers none, so that what the gate's memory refuses is answered here.
func gateStory(tb testing.TB) Story {
	var setup struct {
		Scheme    string          `json:"scheme"`
		Pack      string          `json:"pack"`
		Keys      json.RawMessage `json:"keys"`
		Accounts  json.RawMessage `json:"accounts"`
		StartedMS int64           `json:"started_ms"`
		Methods   struct {
			SMS  bool   `json:"sms"`
			Call string `json:"call"`
		} `json:"methods"`
	}
	const name = "pismo_gate.json"
	f := load(tb, name, &setup)
	s := Story{Name: name, Pack: starterPack(tb), Ring: ringDocument(keysOf(tb, setup.Keys),
		map[string]json.RawMessage{"pismo": fmt.Appendf(nil, `{"accounts":%s}`, setup.Accounts)},
		pismo(nil, fmt.Sprintf(`"sms":{"source":""},"call":{"number":%q,"source":""}`, setup.Methods.Call)))}
	for i := range f.Cases {
		c := &f.Cases[i]
		var in struct {
			Steps []struct {
				AfterMS int64           `json:"after_ms"`
				Route   string          `json:"route"`
				Headers json.RawMessage `json:"headers"`
				BodyB64 string          `json:"body_b64"`
			} `json:"steps"`
		}
		var want struct {
			Steps []struct {
				Body    string  `json:"body"`
				Refusal *string `json:"refusal"`
			} `json:"steps"`
		}
		vectorfile.Into(tb, c.Input, &in)
		if err := json.Unmarshal(c.Want, &want); err != nil {
			tb.Fatal(err)
		}
		now := c.NowMS
		for j, step := range in.Steps {
			now += step.AfterMS
			r := request{Scheme: "pismo", Method: "POST", Path: "/", Headers: step.Headers, BodyB64: step.BodyB64}
			out := Step{ID: fmt.Sprintf("%s %d", c.ID, j), Export: abi.ExportAnswer, Input: r.input(now)}
			if want.Steps[j].Refusal == nil {
				body := quote(want.Steps[j].Body)
				out.Expect, out.Check = "ok", func(reply []byte) error {
					return same(reply, []byte(body), func(v map[string]json.RawMessage) any { return v["body"] })
				}
			}
			s.Steps = append(s.Steps, out)
		}
	}
	return s
}

// conditionStories decide the events of conditions.json: each condition is a yellow rule
// in a pack of its own, that is green otherwise.
func conditionStories(tb testing.TB) (all []Story) {
	var setup struct {
		Fields map[string]string `json:"fields"`
	}
	const name = "conditions.json"
	f := load(tb, name, &setup)
	var fields []string
	for _, field := range slices.Sorted(maps.Keys(setup.Fields)) {
		fields = append(fields, fmt.Sprintf("{name: %s, type: %s}", field, setup.Fields[field]))
	}
	for i := range f.Cases {
		c := &f.Cases[i]
		var in struct {
			When  string          `json:"when"`
			Event json.RawMessage `json:"event"`
		}
		var want struct {
			Truth string `json:"truth"`
			Code  string `json:"code"`
		}
		vectorfile.Into(tb, c.Input, &in)
		vectorfile.Into(tb, c.Want, &want)
		pack, err := compile.FS(fstest.MapFS{
			"pack.yaml":    {Data: []byte("name: v\nversion: \"1\"\ndefault: green\nschema: {name: v, version: 1, fields: [" + strings.Join(fields, ", ") + "]}\n")},
			"rules/r.yaml": {Data: []byte("- id: R1\n  effect: yellow\n  when: " + quote(in.When) + "\n  why: a vector\n")},
		}, compile.Options{})
		if err != nil {
			tb.Fatalf("%s: %v", c.ID, err)
		}
		outcome := map[string]string{"true": "yellow", "error": "yellow", "false": "green", "unknown": "green"}[want.Truth]
		all = append(all, Story{Name: name + " " + c.ID, Pack: pack.Encode(), Steps: []Step{{
			c.ID, abi.ExportDecide, eventInput(abi.BuiltMs, in.Event), "ok", func(reply []byte) error {
				return same(reply, []byte(quote(outcome)), func(v map[string]json.RawMessage) any { return v["outcome"] })
			},
		}}})
	}
	return all
}

// codecStories answer the bodies of pismo_codec.json, signed with a test key; a story for
// each configuration of the codec.
func codecStories(tb testing.TB) []Story {
	var setup struct {
		Account   string `json:"account"`
		Iat       int64  `json:"iat"`
		RefKeyID  string `json:"ref_key_id"`
		RefKeyB64 string `json:"ref_key_b64"`
	}
	const name = "pismo_codec.json"
	f := load(tb, name, &setup)
	key := testkey.RSA(tb, "rsa2048-a")
	stories, order := map[string]*Story{}, []string{}
	for i := range f.Cases {
		c := &f.Cases[i]
		var in struct {
			Body    string                     `json:"body"`
			Account string                     `json:"account"`
			Config  map[string]json.RawMessage `json:"config"`
		}
		vectorfile.Into(tb, c.Input, &in)
		if in.Account == "" {
			in.Account = setup.Account
		}
		config, err := json.Marshal(in.Config)
		if err != nil {
			tb.Fatal(err)
		}
		s := stories[string(config)]
		if s == nil {
			s = &Story{Name: fmt.Sprintf("%s %d", name, len(order)), Pack: starterPack(tb), Ring: ringDocument(
				[]json.RawMessage{publicJWK("k1", &key.PublicKey)},
				map[string]json.RawMessage{"pismo": json.RawMessage(`{"unsafe_any_account":true}`)},
				pismo(in.Config, `"sms":{"source":"issuer"}`))}
			stories[string(config)] = s
			order = append(order, string(config))
		}
		body := []byte(in.Body)
		step := Step{ID: c.ID, Export: abi.ExportAnswer, Input: PismoRequest(tb, key, in.Account, body), Expect: c.Expect}
		s.Steps = append(s.Steps, step)
	}
	all := make([]Story, 0, len(order))
	for _, config := range order {
		all = append(all, *stories[config])
	}
	return all
}

// pismo is the member of a ring document that answers need.
func pismo(config map[string]json.RawMessage, methods string) []byte {
	b := fmt.Appendf(nil, `{"ref_key":{"id":"t1","secret_b64":%q},%s`, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)), methods)
	for _, member := range slices.Sorted(maps.Keys(config)) {
		b = fmt.Appendf(b, `,%q:%s`, member, config[member])
	}
	return append(b, '}')
}

// ringDocument is what issuant_ring takes.
func ringDocument(keys []json.RawMessage, schemes map[string]json.RawMessage, pismo json.RawMessage) []byte {
	doc := map[string]any{"format": 1, "keys": keys, "schemes": schemes}
	if pismo != nil {
		doc["pismo"] = pismo
	}
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return b
}

// keysOf are the keys of a JWK set, or those of an X.509 map as JWK, since the module reads
// no X.509: an entry that cannot be used becomes a key that cannot be used.
func keysOf(tb testing.TB, document []byte) (list []json.RawMessage) {
	tb.Helper()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(document, &set) == nil && set.Keys != nil {
		return set.Keys
	}
	keys, _, err := source.Parse(document, source.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	for _, k := range keys {
		jwk := publicJWK(k.ID, k.Public)
		if jwk == nil || k.Refused != "" {
			jwk = fmt.Appendf(nil, `{"kid":%s,"kty":"RSA"}`, quote(k.ID))
		}
		if !k.NotBefore.IsZero() {
			jwk = fmt.Appendf(jwk[:len(jwk)-1], `,"nbf":%d}`, k.NotBefore.Unix())
		}
		if !k.NotAfter.IsZero() { // the last instant; exp is the one behind it
			jwk = fmt.Appendf(jwk[:len(jwk)-1], `,"exp":%d}`, k.NotAfter.Unix()+1)
		}
		list = append(list, jwk)
	}
	return list
}

// publicJWK is nil for a kind of key that has none here.
func publicJWK(kid string, public any) json.RawMessage {
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := public.(type) {
	case *rsa.PublicKey:
		return fmt.Appendf(nil, `{"kid":%s,"kty":"RSA","use":"sig","alg":"RS256","n":%q,"e":%q}`, quote(kid), b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes()))
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil || k.Curve.Params().BitSize != 256 {
			return nil
		}
		return fmt.Appendf(nil, `{"kid":%s,"kty":"EC","crv":"P-256","use":"sig","x":%q,"y":%q}`, quote(kid), b64(point[1:33]), b64(point[33:]))
	}
	return nil
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
