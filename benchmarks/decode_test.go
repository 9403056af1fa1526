package benchmarks

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/bytedance/sonic"
	"github.com/valyala/fastjson"

	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

// decodeEvent is an event of 970 bytes, as an adapter writes it: 51 facts.
const decodeEvent = `{"id":"pismo:tn-01:8f14e45fceea167a5a36dedd4bea25430123","at":"2026-11-23T10:00:00.25Z","kind":"authorize","adapter":"pismo","tenant":"tn-0a1b2c","schema":1,` +
	`"token":{"ref":"432","network":"visa","requestor_id":"40010030273","requestor":"apple_pay","channel":"wallet","type":"device","source":"push_app"},` +
	`"card":{"ref":"k1:5f1c9b2e7d60","bin":"411111","last4":"1111","program":"1234","type":"PLASTIC","status":"normal","stage":"unblocked","age_days":412,"expired":false,"codes":["FRB","BNB"]},` +
	`"verify":{"cvv":"match","avs_postal":"match"},"wallet":{"recommendation":"approve","device_score":5,"account_score":5,"reasons":["account_card_too_new"]},` +
	`"network_risk":{"score":12,"scale":"visa_0_99"},"device":{"ref":"k1:04312ea9c13b80","type":"MOBILE_PHONE","os":"ios","ip":"203.0.113.7","lat":52.52,"lon":13.4,"country":"DE"},` +
	`"vel":{"attempts_card_24h":1,"devices_card_30d":1,"cards_device_24h":1,"tokens_card_active":1,"decline_rate_bin_10m":0.01},"session":{"in_app":true}}`

// decodeRequest is a request of 970 bytes as a network sends it, of which a pack reads
// 18 fields; the rest is checked, counted and passed over.
const decodeRequest = `{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"411111","status":"normal","stage":"unblocked"},"token_id":432,"network_brand":"vts","custom_codes":["FRB","BNB"],` +
	`"original_network_data":{"tokenRequestorID":"40010030273","panSource":"MOBILE_BANKING_APP","walletAccountEmailAddressHash":"5f1c9b","addressVerificationResultCode":"Y","cvv2ResultsCode":"M","locale":"pt_BR","lifeCycleTraceID":"012",` +
	`"tokenInfo":{"tokenType":"SECURE_ELEMENT","numberOfActiveTokensForPAN":"1"},"deviceInfo":{"deviceID":"04312EA9C13B80","deviceType":"MOBILE_PHONE","osType":"IOS","deviceLanguageCode":"eng",` +
	`"deviceIPAddressV4":"203.0.113.7","deviceLocation":"+52.52/+13.40"},"riskInformation":{"visaTokenScore":"12","visaTokenDecisioning":"00","walletProviderDeviceScore":"5","walletProviderAccountScore":"5","walletProviderReasonCodes":"A0"}},` +
	`"vel":{"attempts_1h":1,"attempts_24h":2,"devices_30d":1,"cards_24h":1,"cards_10m":3,"tokens":1,"fails_24h":0,"readds_30d":0,"rate":0.01}}`

// eventStruct is decodeEvent for the peers that fill structs. Its json tags bind it to
// the schema too, which is how the answers are compared.
type eventStruct struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Adapter string    `json:"adapter"`
	Tenant  string    `json:"tenant"`
	Schema  int64     `json:"schema"`
	Token   struct {
		Ref         string `json:"ref"`
		Network     string `json:"network"`
		RequestorID string `json:"requestor_id"`
		Requestor   string `json:"requestor"`
		Channel     string `json:"channel"`
		Type        string `json:"type"`
		Source      string `json:"source"`
	} `json:"token"`
	Card struct {
		Ref     string   `json:"ref"`
		BIN     string   `json:"bin"`
		Last4   string   `json:"last4"`
		Program string   `json:"program"`
		Type    string   `json:"type"`
		Status  string   `json:"status"`
		Stage   string   `json:"stage"`
		AgeDays int64    `json:"age_days"`
		Expired bool     `json:"expired"`
		Codes   []string `json:"codes"`
	} `json:"card"`
	Verify struct {
		CVV       string `json:"cvv"`
		AVSPostal string `json:"avs_postal"`
	} `json:"verify"`
	Wallet struct {
		Recommendation string   `json:"recommendation"`
		DeviceScore    int64    `json:"device_score"`
		AccountScore   int64    `json:"account_score"`
		Reasons        []string `json:"reasons"`
	} `json:"wallet"`
	NetworkRisk struct {
		Score int64  `json:"score"`
		Scale string `json:"scale"`
	} `json:"network_risk"`
	Device struct {
		Ref     string  `json:"ref"`
		Type    string  `json:"type"`
		OS      string  `json:"os"`
		IP      string  `json:"ip"`
		Lat     float64 `json:"lat"`
		Lon     float64 `json:"lon"`
		Country string  `json:"country"`
	} `json:"device"`
	Vel struct {
		Attempts int64   `json:"attempts_card_24h"`
		Devices  int64   `json:"devices_card_30d"`
		Cards    int64   `json:"cards_device_24h"`
		Tokens   int64   `json:"tokens_card_active"`
		Rate     float64 `json:"decline_rate_bin_10m"`
	} `json:"vel"`
	Session struct {
		InApp bool `json:"in_app"`
	} `json:"session"`
}

type requestStruct struct {
	Card struct {
		ID        int64  `json:"id"`
		Type      string `json:"type"`
		ProgramID int64  `json:"program_id"`
		BIN       string `json:"bin"`
		Status    string `json:"status"`
		Stage     string `json:"stage"`
	} `json:"card"`
	TokenID      int64    `json:"token_id"`
	NetworkBrand string   `json:"network_brand"`
	CustomCodes  []string `json:"custom_codes"`
	Vel          struct {
		Attempts1h  int64   `json:"attempts_1h"`
		Attempts24h int64   `json:"attempts_24h"`
		Devices     int64   `json:"devices_30d"`
		Cards24h    int64   `json:"cards_24h"`
		Cards10m    int64   `json:"cards_10m"`
		Tokens      int64   `json:"tokens"`
		Fails       int64   `json:"fails_24h"`
		Readds      int64   `json:"readds_30d"`
		Rate        float64 `json:"rate"`
	} `json:"vel"`
}

func requestSchema(tb testing.TB) *rules.Schema {
	tb.Helper()
	var fields []rules.Field
	for _, f := range []struct {
		typ   rules.Type
		names []string
	}{
		{rules.Int, []string{"card.id", "card.program_id", "token_id", "vel.attempts_1h", "vel.attempts_24h", "vel.devices_30d", "vel.cards_24h", "vel.cards_10m", "vel.tokens", "vel.fails_24h", "vel.readds_30d"}},
		{rules.String, []string{"card.type", "card.bin", "card.status", "card.stage", "network_brand"}},
		{rules.Float, []string{"vel.rate"}}, {rules.Strings, []string{"custom_codes"}},
	} {
		for _, name := range f.names {
			fields = append(fields, rules.Field{Name: name, Type: f.typ})
		}
	}
	s, err := rules.NewSchema("request", 1, fields)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// decodeSide is one way to read a body; facts gives its answer, nil for a peer that
// only parses.
type decodeSide struct {
	name   string
	decode func() error
	facts  func() (*rules.Facts, error)
}

// decodeCase is a body and who reads it, ourselves first.
type decodeCase struct {
	name  string
	sides []decodeSide
}

func decodeCases(tb testing.TB) []decodeCase {
	return []decodeCase{
		{"event", sidesOf[eventStruct](tb, decodeEvent, rules.EventV1(), rules.DecoderOptions{})},
		{"request", sidesOf[requestStruct](tb, decodeRequest, requestSchema(tb), rules.DecoderOptions{SkipUnknown: true})},
	}
}

func sidesOf[T any](tb testing.TB, text string, s *rules.Schema, opt rules.DecoderOptions) []decodeSide {
	tb.Helper()
	if n := len(text); n != 970 {
		tb.Fatalf("the body has %d bytes", n)
	}
	body := []byte(text)
	d, err := rules.NewDecoder(s, opt)
	if err != nil {
		tb.Fatal(err)
	}
	binding, err := rules.NewBinding[T](s)
	if err != nil {
		tb.Fatal(err)
	}
	own, bound := rules.NewFacts(s), rules.NewFacts(s)
	var into T
	fromStruct := func() (*rules.Facts, error) { return bound, binding.Set(bound, &into) }
	var parser fastjson.Parser
	return []decodeSide{
		{"issuant", func() error { _, err := d.Decode(own, body); return err }, func() (*rules.Facts, error) { return own, nil }},
		{"encoding-json", func() error { into = *new(T); return json.Unmarshal(body, &into) }, fromStruct},
		{"sonic", func() error { into = *new(T); return sonic.Unmarshal(body, &into) }, fromStruct},
		{"fastjson-parse-only", func() error { _, err := parser.ParseBytes(body); return err }, nil},
		{"tree", func() error { _, err := strictjson.Parse(body, strictjson.Limits{}); return err }, nil},
	}
}

// TestDecodersGiveTheSameFacts keeps the benchmark honest, and gates allocations.
func TestDecodersGiveTheSameFacts(t *testing.T) {
	for _, c := range decodeCases(t) {
		want := ""
		for _, side := range c.sides {
			if err := side.decode(); err != nil {
				t.Fatalf("%s: %s: %v", c.name, side.name, err)
			}
			if side.facts == nil {
				continue
			}
			f, err := side.facts()
			if err != nil {
				t.Fatal(err)
			}
			got := string(f.AppendJSON(nil, nil))
			if want == "" {
				want = got
			}
			if got != want || len(got) < 300 {
				t.Errorf("%s: %s reads\n%s\nwant\n%s", c.name, side.name, got, want)
			}
		}
		if n := testing.AllocsPerRun(100, func() { _ = c.sides[0].decode() }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

// BenchmarkDecode: one body of 970 bytes to typed facts or a struct, all sides in
// turns; ratios of medians and of best rounds.
func BenchmarkDecode(b *testing.B) {
	const perTurn = 200
	for _, c := range decodeCases(b) {
		b.Run("body="+c.name, func(b *testing.B) {
			times := make([][]time.Duration, len(c.sides))
			for range b.N {
				for i, side := range c.sides {
					times[i] = append(times[i], timed(func() {
						for range perTurn {
							if err := side.decode(); err != nil {
								b.Fatal(err)
							}
						}
					}))
				}
			}
			for i, side := range c.sides {
				if i > 0 {
					b.ReportMetric(median(times[i])/median(times[0]), "x-"+side.name)
				}
				b.ReportMetric(float64(slices.Min(times[i]))/perTurn, "ns-best-"+side.name)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
