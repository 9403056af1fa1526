package gatehttp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules/starter"
)

// The file pismo_gate.json is written by this one: go test -run TestGateVectors
// -update. Keys and signatures are fixed, so the same stories give the same bytes.

const gateVectors = "/testdata/vectors/pismo_gate.json"

type gateSetup struct {
	Scheme    string          `json:"scheme"`
	Pack      string          `json:"pack"`
	Keys      json.RawMessage `json:"keys"`
	Accounts  []string        `json:"accounts"`
	StartedMS int64           `json:"started_ms"`
	Methods   struct {
		SMS  bool   `json:"sms"`
		Call string `json:"call"`
	} `json:"methods"`
}

type gateInput struct {
	Steps []gateStep `json:"steps"`
}

type gateStep struct {
	AfterMS int64               `json:"after_ms"` // since the step before
	Route   string              `json:"route"`
	Headers map[string][]string `json:"headers"`
	BodyB64 []byte              `json:"body_b64"`
}

type gateWant struct {
	Steps []gateAnswer `json:"steps"`
}

type gateAnswer struct {
	Status  int     `json:"status"`
	Body    string  `json:"body"`
	Refusal *string `json:"refusal"`
	Outcome *string `json:"outcome"`
	Action  *string `json:"action_code"`
}

// story builds the steps of one case.
type story struct {
	t     *testing.T
	now   time.Time
	steps []gateStep
}

func (s *story) token(body string, change func(claims map[string]any)) string {
	hash := sha256.Sum256([]byte(body))
	claims := map[string]any{
		"iss": "api.pismo.io", "sub": "api-cards-tokenization", "account-id": 98665386, "kid": "test-key-a",
		"iat": s.now.Unix(), "exp": s.now.Unix() + 864000, "body-hash": base64.StdEncoding.EncodeToString(hash[:]),
	}
	if change != nil {
		change(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		s.t.Fatal(err)
	}
	kid, _ := claims["kid"].(string)
	token, err := jose.SignRS256(testkey.RSA(s.t, "rsa2048-b"), kid, payload)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

func (s *story) send(route, token, body string, after time.Duration) {
	headers := map[string][]string{"Content-Type": {"application/json"}}
	if token != "" {
		headers["X-Pismo-Sign"] = []string{token}
	}
	s.steps = append(s.steps, gateStep{after.Milliseconds(), route, headers, []byte(body)})
	s.now = s.now.Add(after)
}

// sample is the body of the seed's curl example, on one line.
const sample = `{"card":{"id":134142,"type":"PLASTIC"},"combo_card":null,"token_id":432,"network_brand":"vts","custom_codes":["FRB","BNB"],"original_network_data":{}}`

func found(code string) string { return strings.Replace(sample, `"FRB","BNB"`, `"`+code+`"`, 1) }

var stories = []struct {
	id, comment string
	flags       []string
	tell        func(s *story)
}{
	{"sample", "The page's sample is stepped up", []string{"answer"}, func(s *story) { s.send("a", s.token(sample, nil), sample, 0) }},
	{"expired-card", "An expired card is declined with 54", []string{"answer"}, func(s *story) { s.send("a", s.token(found("EXPCRD"), nil), found("EXPCRD"), 0) }},
	{"failed-cvv", "A failed security code is declined with N7", []string{"answer"}, func(s *story) { s.send("a", s.token(found("FR1"), nil), found("FR1"), 0) }},
	{"card-not-found", "An unknown card is declined with 14", []string{"answer"}, func(s *story) { s.send("a", s.token(found("998"), nil), found("998"), 0) }},
	{"anti-fraud-refusal", "An anti-fraud refusal is declined with 05", []string{"answer"}, func(s *story) { s.send("a", s.token(found("PFT"), nil), found("PFT"), 0) }},
	{"unknown-code", "An unknown finding is stepped up", []string{"answer"}, func(s *story) { s.send("a", s.token(found("NEW"), nil), found("NEW"), 0) }},
	{"retry", "A genuine retry gets the stored bytes, up to 30 s and at 30 s", []string{"retry"}, func(s *story) {
		token := s.token(sample, nil)
		s.send("a", token, sample, 0)
		s.send("a", token, sample, time.Millisecond)
		s.send("a", token, sample, 30*time.Second-time.Millisecond)
	}},
	{"replay-late", "After the window a copy is a replay", []string{"replay"}, func(s *story) {
		token := s.token(sample, nil)
		s.send("a", token, sample, 0)
		s.send("a", token, sample, 30*time.Second+time.Millisecond)
	}},
	{"replay-other-route", "A copy on another route is a replay", []string{"replay"}, func(s *story) {
		token := s.token(sample, nil)
		s.send("a", token, sample, 0)
		s.send("b", token, sample, time.Second)
		s.send("a", token, sample, time.Second)
	}},
	{"replay-other-token", "The same claims in another token are the same message", []string{"retry"}, func(s *story) {
		s.send("a", s.token(sample, nil), sample, 0)
		s.send("a", s.token(sample, func(c map[string]any) { c["exp"] = s.now.Unix() + 600 }), sample, 0)
	}},
	{"two-messages", "The same body, signed a second later, is another message", []string{"answer"}, func(s *story) {
		s.send("a", s.token(sample, nil), sample, 0)
		s.now = s.now.Add(time.Second)
		token := s.token(sample, nil)
		s.now = s.now.Add(-time.Second)
		s.send("a", token, sample, time.Second)
	}},
	{"undecodable", "What cannot be decoded gets the system error, and so does its retry", []string{"decode"}, func(s *story) {
		body := `{"card":{"id":"134142"}}`
		token := s.token(body, nil)
		s.send("a", token, body, 0)
		s.send("a", token, body, time.Second)
	}},
	{"duplicate-name", "A name that stands twice cannot be decoded", []string{"decode"}, func(s *story) {
		body := strings.Replace(sample, `"token_id":432`, `"token_id":432,"token_id":433`, 1)
		s.send("a", s.token(body, nil), body, 0)
	}},
	{"unsigned", "Without a signature", []string{"refuse"}, func(s *story) { s.send("a", "", sample, 0) }},
	{"forged", "A signature that was changed", []string{"refuse"}, func(s *story) {
		token := s.token(sample, nil)
		s.send("a", token[:len(token)-8]+"AAAAAAAA", sample, 0)
	}},
	{"tampered", "A body that was changed; the genuine one is answered afterwards", []string{"refuse"}, func(s *story) {
		token := s.token(sample, nil)
		s.send("a", token, strings.Replace(sample, "432", "433", 1), 0)
		s.send("a", token, sample, time.Second)
	}},
	{"unknown-kid", "A key that is not in the map", []string{"refuse"}, func(s *story) {
		s.send("a", s.token(sample, func(c map[string]any) { c["kid"] = "nobody" }), sample, 0)
	}},
	{"other-account", "Another tenant's message, under the same keys", []string{"refuse"}, func(s *story) {
		s.send("a", s.token(sample, func(c map[string]any) { c["account-id"] = 1 }), sample, 0)
	}},
	{"stale", "A message that is one second too old", []string{"refuse"}, func(s *story) {
		s.send("a", s.token(sample, func(c map[string]any) { c["iat"] = s.now.Unix() - 361 }), sample, 0)
	}},
	{"before-start", "A message that was issued before the start, which an earlier process may have answered", []string{"replay"}, func(s *story) {
		s.send("a", s.token(sample, func(c map[string]any) { c["iat"] = s.now.Unix() - 11 }), sample, 0)
	}},
}

var gateNotes = map[string]vectorfile.Note{
	"answer": {Bug: "The request is not read, or not told from others", Effect: "every card gets the same answer"},
	"retry":  {Bug: "A retry is decided again, or refused", Effect: "one attempt counts twice, or a lost answer stays lost"},
	"replay": {Bug: "A copy is answered as if it were new", Effect: "whoever captured a message can ask again at will"},
	"decode": {Bug: "What cannot be decoded is approved, or answered with an error that the counterpart does not know", Effect: "the counterpart goes on with its own verdict"},
	"refuse": {Bug: "A message is answered that nobody proved", Effect: "strangers learn verdicts, or open tokens"},
}

func gateFile(t *testing.T) *vectorfile.File {
	now := time.UnixMilli(1795428000000).UTC()
	key := testkey.RSA(t, "rsa2048-b")
	cert := testkey.Certificate(t, testkey.Template(), &key.PublicKey)
	setup := gateSetup{Scheme: "pismo", Pack: "starter", Accounts: []string{"98665386"}, StartedMS: now.Add(-10 * time.Second).UnixMilli()}
	setup.Keys = marshal(t, map[string]string{"test-key-a": cert})
	setup.Methods.SMS, setup.Methods.Call = true, "+551130039500"
	f := &vectorfile.File{
		Format: 1, Kind: "gate", Notes: gateNotes, Setup: marshal(t, setup),
		Comment: "Stories of signed messages and what a gate answers and records, step by step. Written by engine/gatehttp/vectors_test.go with a key that is for tests only.",
	}
	for _, st := range stories {
		s := &story{t: t, now: now}
		st.tell(s)
		f.Cases = append(f.Cases, vectorfile.Case{
			ID: st.id, Comment: st.comment, Flags: st.flags, NowMS: now.UnixMilli(), Expect: "ok",
			Input: marshal(t, gateInput{s.steps}),
		})
	}
	return f
}

func marshal(t *testing.T, v any) json.RawMessage {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// TestGateVectors runs the stories over HTTP, through one gate for each route and
// one memory for both.
func TestGateVectors(t *testing.T) {
	if flag.Lookup("update").Value.String() == "true" {
		f := gateFile(t)
		for i := range f.Cases {
			f.Cases[i].Want = marshal(t, runStory(t, f, &f.Cases[i]))
		}
		var out bytes.Buffer
		if err := json.Indent(&out, marshal(t, f), "", " "); err != nil {
			t.Fatal(err)
		}
		testutil.Golden(t, testutil.Root(t)+gateVectors, append(out.Bytes(), '\n'))
		return
	}
	f := vectorfile.Load(t, gateVectors)
	if f.Kind != "gate" {
		t.Fatalf("kind %q", f.Kind)
	}
	for i := range f.Cases {
		c := &f.Cases[i]
		t.Run(c.ID, func(t *testing.T) {
			var want bytes.Buffer
			if err := json.Compact(&want, c.Want); err != nil {
				t.Fatal(err)
			}
			if got := marshal(t, runStory(t, f, c)); !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%s\ngot  %s\nwant %s", c.Comment, got, want.Bytes())
			}
		})
	}
}

// TestGateVectorsAreTheStories: the file is what this file tells, but for answers.
func TestGateVectorsAreTheStories(t *testing.T) {
	have, want := vectorfile.Load(t, gateVectors), gateFile(t)
	if len(have.Cases) != len(want.Cases) {
		t.Fatalf("%d cases, want %d", len(have.Cases), len(want.Cases))
	}
	for i := range want.Cases {
		var got bytes.Buffer
		if err := json.Compact(&got, have.Cases[i].Input); err != nil {
			t.Fatal(err)
		}
		if have.Cases[i].ID != want.Cases[i].ID || !bytes.Equal(got.Bytes(), want.Cases[i].Input) {
			t.Errorf("case %s differs; write the file with -update", want.Cases[i].ID)
		}
	}
}

func runStory(t *testing.T, f *vectorfile.File, c *vectorfile.Case) gateWant {
	t.Helper()
	var setup gateSetup
	vectorfile.Into(t, f.Setup, &setup)
	var in gateInput
	vectorfile.Into(t, c.Input, &in)
	rigs := gateRigs(t, setup, time.UnixMilli(c.NowMS))
	var want gateWant
	for _, step := range in.Steps {
		r := rigs[step.Route]
		r.clock.Advance(time.Duration(step.AfterMS) * time.Millisecond)
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.server.URL, bytes.NewReader(step.BodyB64))
		must(t, req, err)
		for name, values := range step.Headers {
			req.Header[name] = values
		}
		got := r.send(req)
		lines := r.records()
		l := lines[len(lines)-1]
		want.Steps = append(want.Steps, gateAnswer{got.status, got.body, l.Refusal, l.Outcome, l.Action})
	}
	return want
}

func gateRigs(t *testing.T, setup gateSetup, now time.Time) map[string]*rig {
	t.Helper()
	keys, _, err := source.ParseX509Map(setup.Keys)
	must(t, keys, err)
	ring, err := keyring.NewRing(keys...)
	must(t, ring, err)
	memory, err := engine.NewMemory(engine.MemoryOptions{})
	must(t, memory, err)
	pack, err := starter.Pack()
	must(t, pack, err)
	if setup.Scheme != "pismo" || setup.Pack != "starter" || !setup.Methods.SMS || setup.Methods.Call != "+551130039500" || len(setup.Accounts) != 1 || setup.Accounts[0] != enginetest.PismoAccount {
		t.Fatalf("this runner does not know the setup %+v", setup)
	}
	clock, rigs := enginetest.NewClock(now), map[string]*rig{}
	for _, route := range []string{"a", "b"} {
		rigs[route] = newRig(t, parts{
			pack: pack, keys: ring, memory: memory, clock: clock, route: route,
			started: time.UnixMilli(setup.StartedMS), opt: gatehttp.Options{},
		})
	}
	return rigs
}
