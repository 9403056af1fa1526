package pismo_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

func Example() {
	refKey, err := secret.NewRefKey("k1", make([]byte, 32)) // 32 random bytes in earnest
	if err != nil {
		panic(err)
	}
	codec, err := pismo.New(pismo.Config{
		RefKey: refKey,
		SMS:    &pismo.SMS{},
		Call:   &pismo.Call{Number: "+551130039500"},
	})
	if err != nil {
		panic(err)
	}
	ev := engine.NewEvent(rules.EventV1())
	reply, err := codec.Encode(ev, &engine.Decision{
		Outcome: rules.Yellow, ActionCode: "85", StepUp: []string{"call", "sms"},
	})
	fmt.Println(string(reply.Body), err)
	// Output: {"approve":true,"action_code":"85","step_up_methods":[{"method":"OTPCALL","value":"+551130039500"},{"method":"OTPSMS","value":null}]} <nil>
}

// body is a clean request with these findings: a wallet token that the wallet
// recommends, on a normal card.
func body(codes string) string {
	return `{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"412345","status":"normal","stage":"unblocked"},` +
		`"combo_card":{},"token_id":432,"network_brand":"vts","custom_codes":[` + codes + `],"original_network_data":` +
		`{"tokenInfo":{"tokenType":"HCE"},"riskInformation":{"visaTokenDecisioning":"00"}}}`
}

const (
	green  = `{"approve":true,"action_code":"00"}`
	stepUp = `{"approve":true,"action_code":"85","step_up_methods":[{"method":"OTPCALL","value":"+551130039500"},` +
		`{"method":"OTPSMS","value":null},{"method":"OTPAPP","value":"com.btg.pactual.banking://wallet","platform":"IOS"}]}`
)

func red(action string) string { return `{"approve":false,"action_code":"` + action + `"}` }

func TestEachFindingHasItsAnswer(t *testing.T) {
	for codes, want := range map[string]string{
		``:                green,
		`"VNM"`:           red("14"),
		`"998"`:           red("14"),
		`"CED"`:           red("54"),
		`"EXPCRD"`:        red("54"),
		`"FR1"`:           red("N7"),
		`"FR2"`:           red("N7"),
		`"PFT"`:           red("05"),
		`"FLE"`:           red("05"),
		`"UBT"`:           red("05"),
		`"TNF"`:           red("05"),
		`"OP1"`:           stepUp,
		`"HSE"`:           stepUp,
		`"CNM"`:           stepUp,
		`"FRB"`:           stepUp,
		`"BNB"`:           stepUp,
		`"NPL"`:           stepUp,
		`"NEW"`:           stepUp,
		`"FRB","BNB"`:     stepUp,
		`"FRB","UBT"`:     red("05"),
		`"FR1","PFT"`:     red("N7"), // of several reds the first of 14, 54, N7, 05
		`"FR1","CED"`:     red("54"),
		`"CED","998"`:     red("14"),
		`"PFT","FR2"`:     red("N7"),
		`"HSE","FR1"`:     red("N7"),
		`"NPL","NEW"`:     stepUp,
		`"UBT","NEW"`:     red("05"),
		`"FRB","FRB"`:     stepUp,
		`" UBT"`:          stepUp,
		`"unknown","",""`: stepUp,
	} {
		if got := answer(t, newCodec(t), body(codes)); got != want {
			t.Errorf("custom_codes [%s]\ngot  %s\nwant %s", codes, got, want)
		}
	}
}

// A finding is a floor: the codec raises it whatever else the request says.
func TestNoOtherMemberLiftsAFinding(t *testing.T) {
	c := newCodec(t, func(cfg *pismo.Config) { cfg.TrustedFindings = true })
	for _, finding := range []string{"VNM", "998", "CED", "EXPCRD", "FR1", "FR2", "PFT", "FLE", "UBT", "TNF", "OP1", "HSE", "CNM", "FRB", "BNB"} {
		alone := decode(t, c, body(`"`+finding+`"`)).Event.Guards
		for _, other := range []string{"NPL", "BNB", "VNM", "X"} {
			both := decode(t, c, body(`"`+other+`","`+finding+`"`)).Event.Guards
			if !contains(both, alone[0]) {
				t.Errorf("%s beside %s: %v lacks %v", finding, other, both, alone[0])
			}
		}
	}
}

func contains(guards []engine.Guard, g engine.Guard) bool {
	for _, have := range guards {
		if have == g {
			return true
		}
	}
	return false
}

func TestSeedDefect16TheRequestDecides(t *testing.T) {
	c := newCodec(t)
	clean := answer(t, c, body(``))
	for what, changed := range map[string]string{
		"card.status":   strings.Replace(body(``), `"normal"`, `"lost"`, 1),
		"card.stage":    strings.Replace(body(``), `"unblocked"`, `"blocked"`, 1),
		"card.type":     strings.Replace(body(``), `"PLASTIC"`, `"PREPAID"`, 1),
		"network_brand": strings.Replace(body(``), `"vts"`, `"elo"`, 1),
		"custom_codes":  body(`"UBT"`),
	} {
		if got := answer(t, c, changed); got == clean {
			t.Errorf("another %s gives the same answer: %s", what, got)
		}
	}
}

func TestSeedDefect17BlockedAndUnknownCardsAreDeclined(t *testing.T) {
	for _, codes := range []string{"UBT", "998", "VNM", "TNF", "EXPCRD"} {
		if got := answer(t, newCodec(t), body(`"`+codes+`"`)); !strings.HasPrefix(got, `{"approve":false,`) {
			t.Errorf("%s: %s", codes, got)
		}
	}
}

func TestSeedDefect18NoEmptyMembersLeave(t *testing.T) {
	for _, network := range []string{"vts", "mdes"} {
		got := answer(t, newCodec(t), strings.Replace(body(`"FRB"`), `"vts"`, `"`+network+`"`, 1))
		if strings.Contains(got, `""`) || strings.Contains(got, `"source"`) {
			t.Errorf("%s: %s", network, got)
		}
		if !strings.Contains(got, `{"method":"OTPSMS","value":null}`) {
			t.Errorf("%s: the text message lacks the null of the page's sample: %s", network, got)
		}
		if strings.Contains(got, `"platform"`) != (network == "vts") {
			t.Errorf("%s: platform goes to Visa, and to Visa alone: %s", network, got)
		}
	}
}

func TestSeedDefect19AnAppNeedsAURLAndAPlatform(t *testing.T) {
	for _, app := range []pismo.App{
		{URL: "app.to.app", Platform: pismo.IOS},
		{URL: "", Platform: pismo.IOS},
		{URL: "://wallet", Platform: pismo.IOS},
		{URL: "bank://", Platform: pismo.IOS},
		{URL: "1bank://wallet", Platform: pismo.IOS},
		{URL: "bank://wal let", Platform: pismo.IOS},
		{URL: "bank://wallet\n", Platform: pismo.IOS},
		{URL: "http://bank.example/", Platform: pismo.Web},
		{URL: "bank://wallet"},
		{URL: "bank://wallet", Platform: "OPTAPP"},
	} {
		cfg := testConfig(t)
		cfg.Apps = []pismo.App{app}
		if _, err := pismo.New(cfg); !errors.Is(err, pismo.ErrConfig) {
			t.Errorf("%+v: %v", app, err)
		}
	}
}

func TestNewRefusesBadConfigurations(t *testing.T) {
	for name, change := range map[string]func(*pismo.Config){
		"no reference key":   func(c *pismo.Config) { c.RefKey = secret.RefKey{} },
		"no method":          func(c *pismo.Config) { c.SMS, c.Call, c.Apps = nil, nil, nil },
		"hotline of letters": func(c *pismo.Config) { c.Call.Number = "CALL US" },
		"empty hotline":      func(c *pismo.Config) { c.Call.Number = "" },
		"hotline too long":   func(c *pismo.Config) { c.Call.Number = "+1234567890123456" },
		"NPL":                func(c *pismo.Config) { c.NPL = 9 },
		"NPL of a program":   func(c *pismo.Config) { c.NPLPrograms = map[string]pismo.NPL{"1": 9} },
		"program name":       func(c *pismo.Config) { c.NPLPrograms = map[string]pismo.NPL{"gold": pismo.NPLRed} },
		"requestor id":       func(c *pismo.Config) { c.Requestors = map[string]string{"apple": "apple_pay"} },
		"requestor name":     func(c *pismo.Config) { c.Requestors = map[string]string{"1": ""} },
		"source":             func(c *pismo.Config) { c.SMS.Source = "a\nb" },
		"nine apps": func(c *pismo.Config) {
			for len(c.Apps) < 9 {
				c.Apps = append(c.Apps, c.Apps[0])
			}
		},
	} {
		cfg := testConfig(t)
		change(&cfg)
		if _, err := pismo.New(cfg); !errors.Is(err, pismo.ErrConfig) || code.Of(err) != code.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheConfigurationIsCopied(t *testing.T) {
	cfg := testConfig(t)
	cfg.Requestors = map[string]string{"1": "merchant"}
	c, err := pismo.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	before := answer(t, c, body(`"FRB"`))
	cfg.Call.Number, cfg.Apps[0].URL, cfg.Requestors["1"] = "999", "x://y", "apple_pay"
	if after := answer(t, c, body(`"FRB"`)); after != before {
		t.Errorf("got  %s\nwant %s", after, before)
	}
}

func TestMethodsAreThoseThatCanBeEncoded(t *testing.T) {
	for want, change := range map[string]func(*pismo.Config){
		"app sms call": func(*pismo.Config) {},
		"sms":          func(c *pismo.Config) { c.Call, c.Apps = nil, nil },
		"call":         func(c *pismo.Config) { c.SMS, c.Apps = nil, nil },
		"app":          func(c *pismo.Config) { c.SMS, c.Call = nil, nil },
	} {
		c := newCodec(t, change)
		var got []string
		for _, m := range c.Methods() {
			got = append(got, m.Channel)
			d := &engine.Decision{Outcome: rules.Yellow, ActionCode: "85", StepUp: []string{m.Channel}}
			if _, err := c.Encode(engine.NewEvent(rules.EventV1()), d); err != nil {
				t.Errorf("%s is offered and cannot be encoded: %v", m.Channel, err)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}

func TestChallengesOfferTheChannelsInEveryOrder(t *testing.T) {
	c := newCodec(t)
	entries := map[string]string{
		"sms": `{"method":"OTPSMS","value":null}`, "call": `{"method":"OTPCALL","value":"+551130039500"}`,
		"app": `{"method":"OTPAPP","value":"com.btg.pactual.banking://wallet"}`,
	}
	ev := engine.NewEvent(rules.EventV1())
	said := 0
	var offer func(channels []string)
	offer = func(channels []string) {
		for channel := range entries {
			if slices.Contains(channels, channel) {
				continue
			}
			list := append(slices.Clone(channels), channel)
			want := `{"approve":true,"action_code":"85","step_up_methods":[`
			for i, name := range list {
				want += strings.Repeat(",", min(i, 1)) + entries[name]
			}
			reply, err := c.Encode(ev, &engine.Decision{Outcome: rules.Yellow, ActionCode: "85", StepUp: list})
			if said++; err != nil || string(reply.Body) != want+"]}" {
				t.Errorf("%v: %s, %v", list, reply.Body, err)
			}
			offer(list)
		}
	}
	offer(nil)
	if said != 15 {
		t.Errorf("%d challenges, want 15", said)
	}
	for _, list := range [][]string{{"sms", "sms"}, {"email"}, {"sms", "email"}, {"sms", "app", "call", "sms"}, {""}} {
		_, err := c.Encode(ev, &engine.Decision{Outcome: rules.Yellow, ActionCode: "85", StepUp: list})
		if !errors.Is(err, pismo.ErrEncode) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestEncodeTakesNothing(t *testing.T) {
	c := newCodec(t)
	if _, err := c.Encode(nil, nil); !errors.Is(err, pismo.ErrEncode) {
		t.Errorf("no decision: %v", err)
	}
	d := &engine.Decision{Outcome: rules.Yellow, ActionCode: "85", StepUp: []string{"app"}}
	reply, err := c.Encode(nil, d)
	if err != nil || strings.Contains(string(reply.Body), "platform") {
		t.Errorf("no event: %s, %v", reply.Body, err)
	}
	if _, err := c.Encode(nil, &engine.Decision{}); !errors.Is(err, pismo.ErrEncode) {
		t.Errorf("the zero decision: %v", err)
	}
	if _, err := c.Decode(nil); code.Of(err) != code.Decode {
		t.Errorf("no message: %v", err)
	}
}

func TestDecodeErrorsNameThePlaceAndQuoteNothing(t *testing.T) {
	const marker = "MARKER4111111111111111"
	page := func(old, new string) string { return strings.Replace(body(`"FRB"`), old, new, 1) }
	for _, c := range []struct{ body, pointer, at, msg string }{
		{`{"token_id":1,"card":{"` + marker + `":"x` + "\n" + `"}}`, "/card", "", "control character in a string"},
		{`{"` + marker + `":[1,{"a":nope}]}`, "", "nope", "no JSON value starts here"},
		{page(`"vts"`, `"vts","`+marker+`":{"a":1,"a":2}`), "", "", "duplicate name"},
		{page(`"FRB"`, `"FRB",`), "/custom_codes/1", "]", "no JSON value starts here"},
		{page(`"HCE"`, `"HCE","4111":{"411111":nope}`), "/original_network_data", "nope", "no JSON value starts here"},
		{page(`432`, `"`+marker+`"`), "/token_id", `"MARK`, "must be a number, not a string"},
		{page(`134142`, `null`), "/card/id", "", "is required and missing"},
		{page(`"FRB"`, `{"`+marker+`":1}`), "/custom_codes/0", `{"MARK`, "must be a string, not an object"},
		{page(`"vts"`, `["`+marker+`"]`), "/network_brand", `["MARK`, "must be a string, not an array"},
		{page(`"custom_codes"`, `"Custom_codes"`), "", `"Custom_codes"`, "a name here differs from a known one only in case"},
		{page(`"visaTokenDecisioning"`, `"VisaTokenDecisioning"`), "/original_network_data/riskInformation", `"VisaToken`, "a name here differs"},
		{marker, "", "MARK", "no JSON value starts here"},
		{body(``) + marker, "", "MARK", "text after the value"},
	} {
		_, err := newCodec(t).Decode(message(t, c.body))
		var bad *engine.DecodeError
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		if bad.Pointer != c.pointer || !strings.HasPrefix(bad.Msg, c.msg) || code.Of(err) != code.Decode {
			t.Errorf("%s\ngot  %q %q\nwant %q %q", c.body, bad.Pointer, bad.Msg, c.pointer, c.msg)
		}
		if c.at != "" && bad.Offset != strings.LastIndex(c.body, c.at) {
			t.Errorf("%s\noffset %d, want %d", c.body, bad.Offset, strings.LastIndex(c.body, c.at))
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if text := e.Error() + fmt.Sprintf("%+v", e); strings.Contains(text, "MARKER") || strings.Contains(text, "4111") {
				t.Errorf("the error quotes the sender: %s", text)
			}
		}
	}
}

func TestDecodeIsTheSameForAnyOrderOfMembers(t *testing.T) {
	c := newCodec(t)
	a := `{"token_id":1,"network_brand":"vts","custom_codes":["FRB"],"card":{"id":2,"type":"VIRTUAL","bin":"412345","program_id":3}}`
	b := `{"card":{"program_id":3,"bin":"412345","type":"VIRTUAL","id":2},"custom_codes":["FRB"],"network_brand":"vts","token_id":1}`
	x, y := decode(t, c, a).Event, decode(t, c, b).Event
	x.Unset("id") // holds the digest of the bytes
	y.Unset("id")
	if got, want := string(y.AppendJSON(nil)), string(x.AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTheEventIDHoldsTheMessageDigest(t *testing.T) {
	c := newCodec(t)
	m := message(t, body(``))
	d, err := c.Decode(m)
	if err != nil {
		t.Fatal(err)
	}
	if want := "432." + m.Digest()[:32]; d.Event.Text("id") != want {
		t.Errorf("got %q, want %q", d.Event.Text("id"), want)
	}
	if got := d.Event.Get("at"); got != testNow {
		t.Errorf("at is %v, want the instant of signing", got)
	}
	if other := decode(t, c, body(`"FRB"`)).Event.Text("id"); other == d.Event.Text("id") {
		t.Error("two bodies for one token share an event id")
	}
}

func TestAKnownReasonIsNotLostBehindNoise(t *testing.T) {
	noise := ""
	for i := range 300 {
		noise += `"X` + strconv.Itoa(i) + `",`
	}
	d := decode(t, newCodec(t), strings.Replace(body(``), `"visaTokenDecisioning"`, `"walletProviderReasonCodes":[`+noise+`"0G"],"visaTokenDecisioning"`, 1))
	reasons, _ := d.Event.Get("wallet.reasons").([]string)
	if len(reasons) != pismo.MaxCodes+1 || reasons[pismo.MaxCodes] != "high_risk" || d.UnknownFields != 300-pismo.MaxCodes {
		t.Errorf("%d reasons, the last %q, %d counted", len(reasons), reasons[len(reasons)-1:], d.UnknownFields)
	}
}

func TestReferencesDifferByKeyAccountAndKind(t *testing.T) {
	other, err := secret.NewRefKey("t1", []byte("another key of thirty-two bytes..."))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	add := func(what, ref string) {
		if was, dup := seen[ref]; dup || !strings.HasPrefix(ref, "t1:") {
			t.Errorf("%s has the reference of %s: %s", what, was, ref)
		}
		seen[ref] = what
	}
	add("a card", decode(t, newCodec(t), body(``)).Event.Text("card.ref"))
	add("a card under another key", decode(t, newCodec(t, func(c *pismo.Config) { c.RefKey = other }), body(``)).Event.Text("card.ref"))
	for i, account := range []string{"7", "77"} {
		d, err := newCodec(t).Decode(signed(t, []byte(body(``)), account, testNow))
		if err != nil {
			t.Fatal(err)
		}
		add("a card of account "+strconv.Itoa(i), d.Event.Text("card.ref"))
	}
	pan := strings.Replace(body(``), `"tokenInfo"`, `"cardholderInfo":{"primaryAccountNumber":"4111111111111111"},"tokenInfo"`, 1)
	add("a card number", decode(t, newCodec(t), pan).Event.Text("card.ref"))
}

func BenchmarkDecode(b *testing.B) {
	c := newCodec(b)
	m := message(b, body(`"FRB"`))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Decode(m); err != nil {
			b.Fatal(err)
		}
	}
}
