package ruleset

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
)

// Event is an event of event/v1 as a Go service would declare it: for encoding/json
// and for engines that read structs. Ints are int, which expr reads quickest.
type Event struct {
	ID      string  `json:"id" expr:"id"`
	At      string  `json:"at" expr:"at"`
	Kind    string  `json:"kind" expr:"kind"`
	Adapter string  `json:"adapter" expr:"adapter"`
	Tenant  string  `json:"tenant" expr:"tenant"`
	Schema  int     `json:"schema" expr:"schema"`
	Token   Token   `json:"token" expr:"token"`
	Card    Card    `json:"card" expr:"card"`
	Verify  Verify  `json:"verify" expr:"verify"`
	Wallet  Wallet  `json:"wallet" expr:"wallet"`
	Risk    Risk    `json:"network_risk" expr:"network_risk"`
	Device  Device  `json:"device" expr:"device"`
	Session Session `json:"session" expr:"session"`
	Vel     Vel     `json:"vel" expr:"vel"`
}

// The groups of an Event.
type (
	Token struct {
		Ref         string `json:"ref" expr:"ref"`
		Network     string `json:"network" expr:"network"`
		RequestorID string `json:"requestor_id" expr:"requestor_id"`
		Channel     string `json:"channel" expr:"channel"`
		Type        string `json:"type" expr:"type"`
		Source      string `json:"source" expr:"source"`
	}
	Card struct {
		Ref     string   `json:"ref" expr:"ref"`
		Bin     string   `json:"bin" expr:"bin"`
		Last4   string   `json:"last4" expr:"last4"`
		Program string   `json:"program" expr:"program"`
		Type    string   `json:"type" expr:"type"`
		Status  string   `json:"status" expr:"status"`
		Stage   string   `json:"stage" expr:"stage"`
		AgeDays int      `json:"age_days" expr:"age_days"`
		Codes   []string `json:"codes" expr:"codes"`
	}
	Verify struct {
		CVV       string `json:"cvv" expr:"cvv"`
		AVSPostal string `json:"avs_postal" expr:"avs_postal"`
	}
	Wallet struct {
		Recommendation string `json:"recommendation" expr:"recommendation"`
		DeviceScore    int    `json:"device_score" expr:"device_score"`
		AccountScore   int    `json:"account_score" expr:"account_score"`
	}
	Risk struct {
		Score int    `json:"score" expr:"score"`
		Scale string `json:"scale" expr:"scale"`
	}
	Device struct {
		Ref     string `json:"ref" expr:"ref"`
		OS      string `json:"os" expr:"os"`
		IP      string `json:"ip" expr:"ip"`
		Country string `json:"country" expr:"country"`
	}
	Session struct {
		InApp bool `json:"in_app" expr:"in_app"`
	}
	Vel struct {
		AttemptsCard    int `json:"attempts_card_24h" expr:"attempts_card_24h"`
		DevicesCard     int `json:"devices_card_30d" expr:"devices_card_30d"`
		CardsDevice     int `json:"cards_device_24h" expr:"cards_device_24h"`
		DeclinesDevice  int `json:"declines_device_24h" expr:"declines_device_24h"`
		CardsRequestor  int `json:"cards_requestor_10m" expr:"cards_requestor_10m"`
		TokensCard      int `json:"tokens_card_active" expr:"tokens_card_active"`
		ReaddsCard      int `json:"readds_card_30d" expr:"readds_card_30d"`
		CVVFails        int `json:"cvv_fail_card_24h" expr:"cvv_fail_card_24h"`
		AttemptsDevice  int `json:"attempts_card_device_72h" expr:"attempts_card_device_72h"`
		ReaddsCardYears int `json:"readds_card_180d" expr:"readds_card_180d"`
	}
)

// What fields hold. Rules and events draw from the same values.
const (
	bins       = 700
	devices    = 8000
	programs   = 24
	requestors = 20
	countries  = 120
	statuses   = 16
)

var (
	networks        = []string{"visa", "mastercard"}
	sources         = []string{"manual", "camera", "push_app", "push_web", "on_file", "tap", "token", "unknown"}
	cardTypes       = []string{"PLASTIC", "VIRTUAL", "RECURRING", "TEMPORARY"}
	recommendations = []string{"approve", "approve", "approve", "approve", "approve", "approve", "step_up", "step_up", "step_up", "decline"}
)

// binOf has eight digits; the even ones are Visa's.
func binOf(i int) string {
	if i%2 == 0 {
		return fmt.Sprintf("4%07d", 1011000+i*37)
	}
	return fmt.Sprintf("5%07d", 1022000+i*37)
}

func programOf(i int) string   { return fmt.Sprint(1200 + i) }
func requestorOf(i int) string { return fmt.Sprint(40010030000 + i*273) }
func deviceOf(i int) string    { return fmt.Sprintf("k1:%010x", uint64(i)*0x9e3779b97f4a7c15>>24) }
func countryOf(i int) string   { return string([]byte{byte('A' + i/26), byte('A' + i%26)}) }
func codeOf(i int) string      { return string([]byte{byte('A' + i), 'B', byte('Z' - i)}) }

// geometric is at least n in one of 2^n cases.
func geometric(r *rand.Rand) int {
	n := 0
	for n < 40 && r.IntN(2) == 0 {
		n++
	}
	return n
}

// score is 1 (worst) to 5: 5, 10, 15, 30 and 40 in a hundred.
func score(r *rand.Rand) int {
	switch x := r.IntN(100); {
	case x < 5:
		return 1
	case x < 15:
		return 2
	case x < 30:
		return 3
	case x < 60:
		return 4
	}
	return 5
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// Events returns n events; those of a smaller n are the first of a larger one's.
func Events(n int) []Event {
	r := rand.New(rand.NewPCG(4, 970))
	list := make([]Event, n)
	for i := range list {
		list[i] = event(r, i)
	}
	return list
}

func event(r *rand.Rand, i int) Event {
	bin := r.IntN(bins)
	e := Event{
		ID: fmt.Sprintf("pismo:tn-01:%016x%016x", r.Uint64(), i), At: fmt.Sprintf("2026-11-23T10:%02d:%02dZ", i/60%60, i%60),
		Kind: "authorize", Adapter: "pismo", Tenant: "tn-0a1b2c", Schema: 1,
		Token: Token{Ref: fmt.Sprint(432000 + i), Network: networks[bin%2], RequestorID: requestorOf(r.IntN(requestors)),
			Channel: "wallet", Type: "device", Source: pick(r, sources)},
		Card: Card{Ref: fmt.Sprintf("k1:%010x", r.Uint64()>>24), Bin: binOf(bin), Last4: fmt.Sprintf("%04d", r.IntN(10000)),
			Program: programOf(r.IntN(programs)), Type: pick(r, cardTypes), Status: "normal", Stage: "unblocked",
			AgeDays: r.IntN(1500), Codes: []string{}},
		Verify: Verify{CVV: "match", AVSPostal: "absent"},
		Wallet: Wallet{Recommendation: pick(r, recommendations), DeviceScore: score(r), AccountScore: score(r)},
		Risk:   Risk{Score: r.IntN(100), Scale: "visa_0_99"},
		Device: Device{Ref: deviceOf(r.IntN(devices)), OS: "ios", IP: fmt.Sprintf("203.0.113.%d", r.IntN(256)), Country: countryOf(r.IntN(countries))},
		Vel: Vel{AttemptsCard: geometric(r), DevicesCard: geometric(r), CardsDevice: geometric(r), DeclinesDevice: geometric(r),
			CardsRequestor: r.IntN(200), TokensCard: r.IntN(4), AttemptsDevice: geometric(r)},
		Session: Session{InApp: r.IntN(2) == 0},
	}
	for range r.IntN(4) {
		if c := codeOf(r.IntN(statuses)); !slices.Contains(e.Card.Codes, c) {
			e.Card.Codes = append(e.Card.Codes, c)
		}
	}
	return e
}

// JSON is the event's text, about 970 bytes, as encoding/json writes it.
func (e *Event) JSON() []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // there is nothing in an Event that cannot be written
	}
	return b
}
