package benchmarks

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/starter"
)

// perRound is how many messages a round takes through each side.
const perRound = 20

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// bodies are what Pismo sends: its own sample, with nothing of the network in it,
// and a push provisioning with all of Visa's fields.
var bodies = map[string]string{
	"sample": `{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"5122"},"combo_card":{},"token_id":%d,"network_brand":"vts","custom_codes":["FRB","BNB"],"original_network_data":{}}`,
	"visa": `{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"411111","status":"normal","stage":"unblocked"},"combo_card":null,"token_id":%d,"network_brand":"vts","custom_codes":[],` +
		`"original_network_data":{"tokenRequestorID":"40010030273","panSource":"MOBILE_BANKING_APP","walletAccountEmailAddressHash":"5f1c9b","addressVerificationResultCode":"Y","cvv2ResultsCode":"M",` +
		`"tokenInfo":{"tokenType":"SECURE_ELEMENT","numberOfActiveTokensForPAN":"1"},` +
		`"deviceInfo":{"deviceID":"04312EA9C13B80","deviceType":"MOBILE_PHONE","osType":"IOS","deviceLanguageCode":"eng","deviceIPAddressV4":"203.0.113.7","deviceLocation":"+52.52/+13.40"},` +
		`"riskInformation":{"visaTokenScore":"12","visaTokenDecisioning":"00","walletProviderDeviceScore":"5","walletProviderAccountScore":"5","walletProviderReasonCodes":"A0"}}}`,
}

var outcomes = map[string]string{"sample": "yellow", "visa": "yellow"}

type message struct {
	body          []byte
	token         string
	header        map[string][]string
	digest, input [32]byte
	signature     []byte
}

// corridor holds everything that a round needs and that is not timed.
type corridor struct {
	sender   *enginetest.PismoSender
	public   *rsa.PublicKey
	messages map[string][]message
	engine   *engine.Engine
	codec    *pismo.Codec
	verifier *webhook.Verifier
}

func newCorridor(tb testing.TB) *corridor {
	tb.Helper()
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	c := &corridor{messages: map[string][]message{}}
	var err error
	c.sender, err = enginetest.NewPismoSender(now)
	must(err)
	c.public = c.sender.Key().Public.(*rsa.PublicKey)
	for name, form := range bodies {
		for i := range perRound {
			body := fmt.Appendf(nil, form, 432+i)
			token := c.sender.Sign(body, now, nil)
			dot := strings.LastIndexByte(token, '.')
			signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
			must(err)
			c.messages[name] = append(c.messages[name], message{
				body: body, token: token, signature: signature, header: map[string][]string{"X-Pismo-Sign": {token}},
			})
		}
	}
	ring, err := keyring.NewRing(c.sender.Key())
	must(err)
	c.verifier, err = webhook.NewPismo(webhook.PismoOptions{Keys: ring, Accounts: []string{enginetest.PismoAccount}})
	must(err)
	pack, err := starter.Pack()
	must(err)
	if n := len(pack.Manifest().Rules); n != 41 {
		tb.Fatalf("the starter pack has %d rules", n)
	}
	key, err := secret.NewRefKey("k1", []byte(strings.Repeat("k", 32)))
	must(err)
	c.codec, err = pismo.New(pismo.Config{
		RefKey: key, SMS: &pismo.SMS{}, Call: &pismo.Call{Number: "+551130039500"},
		Apps: []pismo.App{{URL: "com.example.bank://wallet", Platform: "IOS"}},
	})
	must(err)
	c.engine, err = engine.New(pack, engine.Options{Methods: c.codec.Methods()})
	must(err)
	return c
}

// gate returns a gate with an empty memory, so that no message is a repeat.
func (c *corridor) gate(tb testing.TB) *engine.Gate {
	tb.Helper()
	memory, err := engine.NewMemory(engine.MemoryOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	journal, err := engine.NewJournal(io.Discard, engine.JournalOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	g, err := engine.NewGate(engine.GateOptions{
		Verifier: c.verifier, Codec: c.codec, Engine: c.engine,
		Memory: memory, Journal: journal, StartedAt: now.Add(-time.Hour),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// gather is what the issuer's own systems know: cheap here, since it is theirs.
func gather(ev *engine.Event) {
	for _, f := range gathered {
		if !ev.SetInt(f.field, f.value) {
			panic(ev.Schema().Field(f.field).Name)
		}
	}
	if !ev.SetFloat(declineRate, 0.01) {
		panic("vel.decline_rate_bin_10m")
	}
}

func fieldOf(name string) int {
	i, ok := rules.EventV1().Lookup(name)
	if !ok {
		panic(name)
	}
	return i
}

var declineRate = fieldOf("vel.decline_rate_bin_10m")

var gathered = []struct {
	field int
	value int64
}{
	{fieldOf("vel.cards_device_24h"), 1}, {fieldOf("vel.devices_card_30d"), 1}, {fieldOf("vel.attempts_card_device_72h"), 1},
	{fieldOf("vel.declines_device_24h"), 0}, {fieldOf("vel.cards_requestor_10m"), 3}, {fieldOf("vel.readds_card_30d"), 0},
	{fieldOf("vel.readds_card_180d"), 0}, {fieldOf("vel.cvv_fail_card_24h"), 0}, {fieldOf("vel.names_device_30d"), 1},
}

// throughGate takes a message all the way, and tells what was decided.
func (c *corridor) throughGate(g *engine.Gate, m *message) (status int, outcome rules.Outcome, err error) {
	call, err := g.Receive(context.Background(), engine.Arrival{
		Header: m.header, Body: m.body, Now: now,
	})
	if err != nil {
		return 0, outcome, err
	}
	gather(call.Event)
	reply, err := g.Answer(call, now)
	if d := call.Decision(); d != nil {
		outcome = d.Outcome
	}
	call.Release()
	return reply.Status, outcome, err
}

// bare is the yardstick: the two hashes and the signature, on the same bytes.
func (c *corridor) bare(m *message) error {
	m.digest = sha256.Sum256(m.body)
	m.input = sha256.Sum256([]byte(m.token[:strings.LastIndexByte(m.token, '.')]))
	return rsa.VerifyPKCS1v15(c.public, crypto.SHA256, m.input[:], m.signature)
}

// TestGateGivesTheAnswersThatAreTimed keeps the benchmark honest.
func TestGateGivesTheAnswersThatAreTimed(t *testing.T) {
	c := newCorridor(t)
	for name, messages := range c.messages {
		g := c.gate(t)
		for i := range messages {
			status, outcome, err := c.throughGate(g, &messages[i])
			if err != nil || status != 200 || outcome.String() != outcomes[name] {
				t.Fatalf("%s: %v, %d, %v", name, err, status, outcome)
			}
			if err := c.bare(&messages[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// maxPieces is how many pieces of memory a message may take on its way through the gate,
// those of the standard library's signature check and of the gate's own share left out.
const maxPieces = 9

func TestTheGateAllocatesLittle(t *testing.T) {
	c := newCorridor(t)
	for name, messages := range c.messages {
		bare := testing.AllocsPerRun(10, func() {
			if err := c.bare(&messages[0]); err != nil {
				t.Fatal(err)
			}
		})
		empty := testing.AllocsPerRun(10, func() { c.gate(t) })
		whole := testing.AllocsPerRun(10, func() {
			g := c.gate(t)
			for i := range messages {
				if _, _, err := c.throughGate(g, &messages[i]); err != nil {
					t.Fatal(err)
				}
			}
		})
		if got := (whole-empty)/perRound - bare; got > maxPieces {
			t.Errorf("%s: %.1f pieces of memory a message, more than %d", name, got, maxPieces)
		} else {
			t.Logf("%s: %.1f pieces of memory a message, and %.0f of the signature", name, got, bare)
		}
	}
}

// BenchmarkPismoGate: verify RS256-2048, body hash, decode, 41 rules, answer and
// record line, without a disk, as a multiple of the bare hashes and signature.
func BenchmarkPismoGate(b *testing.B) {
	c := newCorridor(b)
	for _, name := range []string{"sample", "visa"} {
		b.Run("body="+name, func(b *testing.B) {
			var bare, gate []time.Duration
			messages := c.messages[name]
			for range b.N {
				bare = append(bare, timed(func() {
					for i := range messages {
						if err := c.bare(&messages[i]); err != nil {
							b.Fatal(err)
						}
					}
				}))
				g := c.gate(b)
				gate = append(gate, timed(func() {
					for i := range messages {
						_, outcome, err := c.throughGate(g, &messages[i])
						if err != nil || outcome.String() != outcomes[name] {
							b.Fatalf("%v, %v", err, outcome)
						}
					}
				}))
			}
			map[string]*figure{"sample": gateSample, "visa": gateVisa}[name].setBoth(median(gate)/median(bare), float64(slices.Min(gate))/float64(slices.Min(bare)))
			b.ReportMetric(median(gate)/median(bare), "x-bare")
			b.ReportMetric(float64(slices.Min(gate))/float64(slices.Min(bare)), "x-best")
			b.ReportMetric(median(gate)/perRound, "ns/message")
			b.ReportMetric(median(bare)/perRound, "ns/bare")
		})
	}
}

// BenchmarkRefusedToken prints the dearest refusal: time and memory.
func BenchmarkRefusedToken(b *testing.B) {
	c := newCorridor(b)
	m := c.messages["visa"][0]
	for name, token := range map[string]string{
		"dots":      strings.Repeat(".", 10<<20),
		"long":      strings.Repeat("A", 10<<20),
		"forged":    m.token[:len(m.token)-4] + "AAAA",
		"deep":      base64.RawURLEncoding.EncodeToString([]byte(`{"a":`+strings.Repeat("[", 8000))) + ".e30.AAAA",
		"unsigned":  base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"x"}`)) + ".e30.",
		"other kid": c.sender.Token(enginetest.Claims{"kid": "unknown"}, []byte(`{}`)),
	} {
		header := map[string][]string{"X-Pismo-Sign": {token}}
		b.Run("token="+strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.verifier.Open(header, m.body, now); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

func median(d []time.Duration) float64 {
	sorted := append([]time.Duration(nil), d...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	return float64(sorted[len(sorted)/2])
}
