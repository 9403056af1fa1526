package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

const provisionPack = "name: grants\nversion: 1.0.0\ndefault: green\nstep_up: [app, sms, call]\n"

// provisionRules make a decision of each colour.
var provisionRules = []string{
	"- id: Y\n  effect: yellow\n  when: device.first_seen_days < 1\n  why: new device\n",
	"- id: S\n  effect: yellow\n  when: session.sca == false\n  why: no SCA\n  require: {sca: true}\n",
	"- id: O\n  effect: orange\n  when: holder.creds_reset_days < 3\n  why: reset\n",
	"- id: R\n  effect: red\n  when: card.age_days < 0\n  why: never\n",
	"- id: E\n  effect: yellow\n  when: 1 / card.age_days > 1\n  why: fails at 0\n",
}

func provisionEvent(facts ...any) *engine.Event {
	ev := enginetest.With(enginetest.CleanPush(), "id", "e-1", "kind", "provision", "wallet.recommendation", "none",
		"token.requestor", "google_pay", "device.ref", "dev-a", "wallet.account_ref", "acct-a", "card.age_days", 100)
	return enginetest.With(ev, facts...)
}

var googleRequest = engine.GrantRequest{AccountID: "acct-a", DeviceID: "dev-a"}

func newGranter(t *testing.T, o engine.GranterOptions) *engine.Granter {
	t.Helper()
	g, err := engine.NewGranter(o)
	return ok(t, g, err)
}

func TestGrantOfAGreenDecision(t *testing.T) {
	e, now := compiled(t, provisionPack, provisionRules), enginetest.Now()
	d := e.Decide(provisionEvent(), now.Add(300*time.Millisecond))
	g, err := newGranter(t, engine.GranterOptions{}).Grant(d, googleRequest, now.Add(90*time.Second+time.Millisecond))
	ok(t, g, err)
	if g.DecisionID() != d.ID || g.CardRef() != "k1:card-a" || g.Network() != "visa" || g.Wallet() != "google_pay" || g.Method() != "" {
		t.Errorf("%q %q %q %q", g.DecisionID(), g.CardRef(), g.Network(), g.Wallet())
	}
	if !g.IssuedAt().Equal(now.Add(90*time.Second)) || !g.Expires().Equal(now.Add(5*time.Minute)) {
		t.Errorf("from %v to %v: not 5 minutes after the decision", g.IssuedAt(), g.Expires())
	}
	again, err := newGranter(t, engine.GranterOptions{Life: time.Minute}).Grant(e.Decide(provisionEvent(), now.Add(300*time.Millisecond)), googleRequest, now.Add(time.Second))
	ok(t, again, err)
	if again.ID() != g.ID() || !again.Expires().Equal(now.Add(time.Minute)) {
		t.Errorf("a second grant of one decision has another id, or outlives its Life: %v", again.Expires())
	}
	other, err := newGranter(t, engine.GranterOptions{}).Grant(e.Decide(provisionEvent("id", "e-2"), now), googleRequest, now)
	ok(t, other, err)
	if other.ID() == g.ID() {
		t.Error("two decisions have one grant")
	}
	apple, err := newGranter(t, engine.GranterOptions{}).Grant(e.Decide(provisionEvent("token.requestor", "apple_pay", "wallet.account_ref", nil, "device.ref", nil), now), engine.GrantRequest{Nonce: "9c023092"}, now)
	ok(t, apple, err)
}

func TestWhatIsNotGreenIsNotGranted(t *testing.T) {
	e, now := compiled(t, provisionPack, provisionRules), enginetest.Now()
	green := e.Decide(provisionEvent(), now)
	byHand := *e.Decide(provisionEvent("kind", "authorize", "wallet.recommendation", "approve"), now)
	red := e.Decide(provisionEvent("card.age_days", -1), now)
	painted := *red // somebody writes green over it
	painted.Outcome, painted.ID, painted.StepUp = rules.Green, green.ID, []string{"app"}
	for name, tc := range map[string]struct {
		d    *engine.Decision
		r    engine.GrantRequest
		at   time.Duration
		want error
	}{
		"nil":                          {nil, googleRequest, 0, engine.ErrNotGranted},
		"zero":                         {&engine.Decision{}, googleRequest, 0, engine.ErrNotGranted},
		"written by hand":              {&engine.Decision{ID: green.ID, EventID: "e-1", Outcome: rules.Green, Now: now}, googleRequest, 0, engine.ErrNotGranted},
		"another kind":                 {&byHand, googleRequest, 0, engine.ErrNotGranted},
		"red":                          {red, googleRequest, 0, engine.ErrNotGranted},
		"red painted green":            {&painted, googleRequest, 0, engine.ErrNotGranted},
		"lost card":                    {e.Decide(provisionEvent("card.status", "lost"), now), googleRequest, 0, engine.ErrNotGranted},
		"wallet says decline":          {e.Decide(provisionEvent("wallet.recommendation", "decline"), now), googleRequest, 0, engine.ErrNotGranted},
		"yellow":                       {e.Decide(provisionEvent("device.first_seen_days", 0), now), googleRequest, 0, engine.ErrStepUpProof},
		"orange":                       {e.Decide(provisionEvent("holder.creds_reset_days", 1), now), googleRequest, 0, engine.ErrStepUpProof},
		"failed":                       {e.Decide(provisionEvent("card.age_days", 0), now), googleRequest, 0, engine.ErrStepUpProof},
		"late":                         {e.DecideLate(provisionEvent(), now), googleRequest, 0, engine.ErrStepUpProof},
		"no recommendation is told":    {e.Decide(provisionEvent("wallet.recommendation", nil), now), googleRequest, 0, engine.ErrStepUpProof},
		"unknown recommendation":       {e.Decide(provisionEvent("wallet.recommendation", "zz"), now), googleRequest, 0, engine.ErrStepUpProof},
		"no id":                        {e.Decide(provisionEvent("id", nil), now), googleRequest, 0, engine.ErrNotGranted},
		"no card":                      {e.Decide(provisionEvent("card.ref", nil), now), googleRequest, 0, engine.ErrGrantFacts},
		"a card number as ref":         {e.Decide(provisionEvent("card.ref", "4929123123123127"), now), googleRequest, 0, engine.ErrNotGranted},
		"no network":                   {e.Decide(provisionEvent("token.network", nil), now), googleRequest, 0, engine.ErrGrantFacts},
		"a merchant":                   {e.Decide(provisionEvent("token.requestor", "merchant"), now), googleRequest, 0, engine.ErrGrantFacts},
		"no wallet":                    {e.Decide(provisionEvent("token.requestor", nil), now), googleRequest, 0, engine.ErrGrantFacts},
		"another device":               {green, engine.GrantRequest{AccountID: "acct-a", DeviceID: "dev-b"}, 0, engine.ErrGrantFacts},
		"another account":              {green, engine.GrantRequest{AccountID: "acct-b", DeviceID: "dev-a"}, 0, engine.ErrGrantFacts},
		"no device":                    {green, engine.GrantRequest{AccountID: "acct-a"}, 0, engine.ErrGrantFacts},
		"a nonce for Google Pay":       {green, engine.GrantRequest{AccountID: "acct-a", DeviceID: "dev-a", Nonce: "00"}, 0, engine.ErrGrantFacts},
		"a device that was not judged": {e.Decide(provisionEvent("device.ref", nil), now), googleRequest, 0, engine.ErrGrantFacts},
		"no device at all":             {e.Decide(provisionEvent("device.ref", nil), now), engine.GrantRequest{AccountID: "acct-a"}, 0, engine.ErrGrantFacts},
		"Apple Pay without nonce":      {e.Decide(provisionEvent("token.requestor", "apple_pay", "wallet.account_ref", nil), now), engine.GrantRequest{DeviceID: "dev-a"}, 0, engine.ErrGrantFacts},
		"from the future":              {green, googleRequest, -time.Nanosecond, engine.ErrNotGranted},
		"too old":                      {green, googleRequest, 5 * time.Minute, engine.ErrNotGranted},
	} {
		g, err := newGranter(t, engine.GranterOptions{}).Grant(tc.d, tc.r, now.Add(tc.at))
		if !errors.Is(err, tc.want) || g != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "4929") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNoWalletHasSpokenBeforeAPayload: an event of kind provision may say so, and no
// other; that nothing is said is never better than a wallet's decline.
func TestNoWalletHasSpokenBeforeAPayload(t *testing.T) {
	e, now := compiled(t, provisionPack, provisionRules), enginetest.Now()
	for _, tc := range []struct {
		kind, recommendation any
		want                 rules.Outcome
	}{
		{"provision", "none", rules.Green}, {"provision", nil, rules.Yellow}, {"provision", "zz", rules.Yellow}, {"provision", "step_up", rules.Yellow},
		{"provision", "decline", rules.Red}, {"provision", "approve", rules.Green}, {"authorize", "none", rules.Yellow}, {nil, "none", rules.Yellow}, {"zz", "none", rules.Yellow},
	} {
		d := e.Decide(provisionEvent("kind", tc.kind, "wallet.recommendation", tc.recommendation), now)
		if d.Outcome != tc.want {
			t.Errorf("kind %v, recommendation %v: %s, want %s", tc.kind, tc.recommendation, d.Outcome, tc.want)
		}
	}
}

func TestGrantsHoldKeyedReferences(t *testing.T) {
	old, err := secret.NewRefKey("old", []byte("0123456789abcdef0123456789abcdef"))
	ok(t, old, err)
	key, err := secret.NewRefKey("new", []byte("abcdef0123456789abcdef0123456789"))
	ok(t, key, err)
	refs, err := secret.NewRefKeys(key, old)
	ok(t, refs, err)
	e, now := compiled(t, provisionPack, provisionRules), enginetest.Now()
	g := newGranter(t, engine.GranterOptions{Refs: refs})
	d := e.Decide(provisionEvent("device.ref", old.Ref(engine.DeviceRefDomain, []byte("dev-a")), "wallet.account_ref", key.Ref(engine.AccountRefDomain, []byte("acct-a"))), now)
	if _, err := g.Grant(d, googleRequest, now); err != nil {
		t.Error(err)
	}
	if _, err := g.Grant(d, engine.GrantRequest{AccountID: "acct-a", DeviceID: "dev-b"}, now); !errors.Is(err, engine.ErrGrantFacts) {
		t.Error(err)
	}
	if _, err := g.Grant(e.Decide(provisionEvent(), now), googleRequest, now); !errors.Is(err, engine.ErrGrantFacts) {
		t.Errorf("ids in the place of references: %v", err)
	}
}

// prover signs results of step-ups on a route.
type prover struct {
	signer   *webhook.Signer
	verifier *webhook.Verifier
}

func newProver(t *testing.T, scheme, route string) *prover {
	t.Helper()
	key := secret.NewBytes([]byte("whsec_the_endpoint_secret_as_it_is"))
	ring, err := keyring.NewRing(keyring.Key{ID: "k", Use: keyring.UseVerify, Secret: key})
	ok(t, ring, err)
	s, _ := webhook.Preset(scheme)
	v, err := webhook.New(webhook.Options{Scheme: s, Keys: ring, Route: route, UnsafeUncoveredBody: true, MaxAge: time.Hour})
	ok(t, v, err)
	signer, err := webhook.NewSigner(webhook.SignerOptions{Scheme: s, Secret: key})
	ok(t, signer, err)
	return &prover{signer, v}
}

func (p *prover) message(t *testing.T, body []byte, at time.Time) *webhook.Message {
	t.Helper()
	r, err := p.signer.Sign(webhook.Request{Method: "POST", Target: "/step-up", Body: body}, "", at)
	ok(t, &r, err)
	m, err := p.verifier.OpenRequest(r, at)
	return ok(t, m, err)
}

func TestAProvenStepUpIsGranted(t *testing.T) {
	e, now := compiled(t, provisionPack, provisionRules), enginetest.Now()
	otp, raw, galileo := newProver(t, "stripe", "otp"), newProver(t, "marqeta", "otp"), newProver(t, "galileo", "otp")
	elsewhere := newProver(t, "stripe", "webhooks")
	g := newGranter(t, engine.GranterOptions{StepUps: []engine.StepUpRoute{{Route: "otp", Methods: []string{"sms", "app"}}, {Route: "hotline", Methods: []string{"call"}}}})
	yellow := e.Decide(provisionEvent("device.first_seen_days", 0), now)
	strict := e.Decide(provisionEvent("session.sca", false), now)
	result := func(d *engine.Decision, method string) []byte {
		r := engine.StepUpResult{DecisionID: d.ID, CardRef: "k1:card-a", Method: method}
		return r.AppendJSON(nil)
	}
	with := func(m *webhook.Message) engine.GrantRequest {
		r := googleRequest
		r.StepUp = m
		return r
	}
	soon := now.Add(time.Minute)
	for _, method := range []string{"sms", "app"} {
		made, err := g.Grant(yellow, with(otp.message(t, result(yellow, method), soon)), soon)
		if err != nil || made.Method() != method || made.Expires() != now.Add(5*time.Minute) {
			t.Errorf("%s: %v", method, err)
		}
	}
	// Orange wants tenured channels: the text message is, the app's credentials are not.
	orange := e.Decide(provisionEvent("holder.creds_reset_days", 1), now)
	if _, err := g.Grant(orange, with(otp.message(t, result(orange, "sms"), soon)), soon); err != nil {
		t.Errorf("orange: %v", err)
	}
	// What the caller writes into the decision allows nothing.
	widened := *strict
	widened.StepUp = append([]string{"sms"}, strict.StepUp...)
	other := result(e.Decide(provisionEvent("id", "e-9", "device.first_seen_days", 0), now), "sms")
	good := string(result(yellow, "sms"))
	for name, tc := range map[string]struct {
		d  *engine.Decision
		m  *webhook.Message
		at time.Time
	}{
		"nothing":                   {yellow, nil, soon},
		"on another route":          {yellow, elsewhere.message(t, []byte(good), soon), soon},
		"a scheme without instant":  {yellow, raw.message(t, []byte(good), soon), soon},
		"a body that is not signed": {yellow, galileo.message(t, []byte(good), soon), soon},
		"issued before":             {yellow, otp.message(t, []byte(good), now.Add(-61*time.Second)), soon},
		"issued later than now":     {yellow, otp.message(t, []byte(good), soon.Add(61*time.Second)), soon},
		"another decision":          {yellow, otp.message(t, other, soon), soon},
		"another card":              {yellow, otp.message(t, []byte(strings.Replace(good, "card-a", "card-b", 1)), soon), soon},
		"a method of another route": {yellow, otp.message(t, result(yellow, "call"), soon), soon},
		"no SCA, where it is asked": {strict, otp.message(t, result(strict, "sms"), soon), soon},
		"allowed by hand":           {&widened, otp.message(t, result(strict, "sms"), soon), soon},
		"not tenured":               {orange, otp.message(t, result(orange, "app"), soon), soon},
		"not passed":                {yellow, otp.message(t, []byte(strings.Replace(good, "passed", "failed", 1)), soon), soon},
		"no JSON":                   {yellow, otp.message(t, []byte("{"), soon), soon},
	} {
		made, err := g.Grant(tc.d, with(tc.m), tc.at)
		if !errors.Is(err, engine.ErrStepUpProof) || made != nil || code.Of(err) != code.StepUpProof {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := g.Grant(yellow, with(otp.message(t, []byte(good), soon)), now.Add(5*time.Minute)); !errors.Is(err, engine.ErrNotGranted) {
		t.Errorf("after five minutes: %v", err)
	}
	red := e.Decide(provisionEvent("card.age_days", -1), now)
	if _, err := g.Grant(red, with(otp.message(t, result(red, "app"), soon)), soon); !errors.Is(err, engine.ErrNotGranted) {
		t.Errorf("red with a proof: %v", err)
	}
}

func TestParseStepUpResultIsStrict(t *testing.T) {
	good := `{"format":1,"kind":"step_up_result","decision_id":"d","card_ref":"c","method":"app","result":"passed"}`
	want := engine.StepUpResult{DecisionID: "d", CardRef: "c", Method: "app"}
	if r, err := engine.ParseStepUpResult([]byte(good)); err != nil || r != want || string(r.AppendJSON(nil)) != good {
		t.Fatalf("%+v %v", r, err)
	}
	for name, body := range map[string]string{
		"empty": "", "array": "[]", "text": `"x"`, "format 2": strings.Replace(good, "1", "2", 1), "no format": strings.Replace(good, `"format":1,`, "", 1),
		"format as text": strings.Replace(good, "1", `"1"`, 1), "unknown member": strings.Replace(good, `"result"`, `"x":"y","result"`, 1),
		"twice": strings.Replace(good, `"result"`, `"method":"sms","result"`, 1), "other case": strings.Replace(good, "method", "Method", 1),
		"no decision": strings.Replace(good, `"d"`, `""`, 1), "no card": strings.Replace(good, `"c"`, `""`, 1), "no method": strings.Replace(good, `"app"`, `""`, 1),
		"true": strings.Replace(good, `"passed"`, `true`, 1), "another kind": strings.Replace(good, "step_up_result", "notification", 1),
		"too long": good + strings.Repeat(" ", engine.MaxStepUpResult),
	} {
		if r, err := engine.ParseStepUpResult([]byte(body)); !errors.Is(err, engine.ErrStepUpProof) || r != (engine.StepUpResult{}) {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}

func FuzzParseStepUpResult(f *testing.F) {
	f.Add([]byte(`{"format":1,"kind":"step_up_result","decision_id":"d","card_ref":"c","method":"app","result":"passed"}`))
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := engine.ParseStepUpResult(body)
		if err != nil {
			if code.Of(err) != code.StepUpProof {
				t.Fatal(err)
			}
			return
		}
		again, err := engine.ParseStepUpResult(r.AppendJSON(nil))
		if len(body) < engine.MaxStepUpResult/8 && (err != nil || again != r) {
			t.Fatalf("%+v does not read back: %v", r, err)
		}
	})
}

func TestGranterOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]engine.GranterOptions{
		"long life": {Life: 5*time.Minute + 1}, "negative life": {Life: -1}, "short life": {Life: time.Second - 1}, "skew": {Skew: -1}, "long skew": {Skew: time.Hour},
		"no route": {StepUps: []engine.StepUpRoute{{Methods: []string{"app"}}}}, "no methods": {StepUps: []engine.StepUpRoute{{Route: "r"}}},
		"empty method": {StepUps: []engine.StepUpRoute{{Route: "r", Methods: []string{""}}}},
		"twice":        {StepUps: []engine.StepUpRoute{{Route: "r", Methods: []string{"a"}}, {Route: "r", Methods: []string{"b"}}}},
	} {
		if _, err := engine.NewGranter(o); !errors.Is(err, engine.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A ledger remembers spent grants as it remembers messages.
func TestALedgerRemembersSpentGrants(t *testing.T) {
	e, now, ctx := compiled(t, provisionPack, provisionRules), enginetest.Now(), context.Background()
	var lines bytes.Buffer
	journal, err := engine.NewJournal(&lines, engine.JournalOptions{})
	ok(t, journal, err)
	memory, err := engine.NewMemory(engine.MemoryOptions{})
	ok(t, memory, err)
	ledger, err := engine.NewLedger(engine.LedgerOptions{Memory: memory, Journal: journal})
	ok(t, ledger, err)
	spent, err := engine.SpentIn(engine.SpentOptions{Ledger: ledger, StartedAt: now})
	ok(t, spent, err)
	granter := newGranter(t, engine.GranterOptions{})
	make := func(id string, at time.Time) *provision.Grant {
		g, err := granter.Grant(e.Decide(provisionEvent("id", id), at), googleRequest, at)
		return ok(t, g, err)
	}
	g := make("e-1", now)
	var won, lost atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			switch err := spent.Spend(ctx, g, now); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, provision.ErrGrantSpent):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 63 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
	if text := lines.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `"decision_id":"`+g.DecisionID()) || !strings.Contains(text, `"reasons":["GRANT_SPENT"]`) || !strings.Contains(text, `"counterpart":"provision"`) || !strings.Contains(text, `"card":{"ref":"k1:card-a"}`) {
		t.Errorf("records: %s", text)
	}
	if err := spent.Spend(ctx, make("e-2", now.Add(-time.Second)), now); !errors.Is(err, provision.ErrGrantTime) {
		t.Errorf("issued before the start: %v", err)
	}
	if err := spent.Spend(ctx, nil, now); !errors.Is(err, provision.ErrNoGrant) {
		t.Errorf("nil: %v", err)
	}
	if err := spent.Spend(ctx, g, now.Add(time.Hour)); !errors.Is(err, provision.ErrGrantTime) { // forgotten, and its time too
		t.Errorf("an hour later: %v", err)
	}
	short, err := engine.NewMemory(engine.MemoryOptions{Keep: time.Minute})
	ok(t, short, err)
	brief, err := engine.NewLedger(engine.LedgerOptions{Memory: short, Journal: journal})
	ok(t, brief, err)
	for name, o := range map[string]engine.SpentOptions{"no ledger": {StartedAt: now}, "keeps too briefly": {Ledger: brief, StartedAt: now}, "no start": {Ledger: ledger}} {
		if _, err := engine.SpentIn(o); !errors.Is(err, engine.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ExampleGranter() {
	now := enginetest.Now()
	granter, err := engine.NewGranter(engine.GranterOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = granter.Grant(&engine.Decision{Outcome: rules.Green, Now: now}, engine.GrantRequest{}, now)
	fmt.Println(err)
	// Output: engine: the decision permits no wallet payload: it is not an engine's decision on an event of kind provision
}
