package compile_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// pack returns the files of a pack with these rules.
func pack(packYAML, rulesYAML string) fstest.MapFS {
	return fstest.MapFS{
		"pack.yaml":        {Data: []byte(packYAML)},
		"rules/rules.yaml": {Data: []byte(rulesYAML)},
	}
}

const smallPack = "name: small\nversion: 1.0.0\ndefault: green\n"

func ExampleFS() {
	files := pack(smallPack, `
- id: Y05_manual_entry
  effect: yellow
  when: token.source in ["manual", "camera"]
  why: The card number was typed or photographed.
`)
	p, err := compile.FS(files, compile.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	event := rules.NewFacts(p.Schema())
	_ = event.Set("token.source", "camera")
	fmt.Println(p.Verdicts(event, time.Unix(0, 0))[0].Truth)
	// Output: true
}

func ExampleError() {
	files := pack(smallPack, `
- id: R1
  effect: red
  when: vel.cards_device_24h > 5 and token.sorce == "manual"
  why: Too many cards.
`)
	_, err := compile.FS(files, compile.Options{})
	fmt.Println(err)
	// Output:
	// rules/rules.yaml:4:38: error R0402: unknown field `token.sorce` (rule R1)
	//   4 |   when: vel.cards_device_24h > 5 and token.sorce == "manual"
	//     |                                      ^^^^^^^^^^^
	//   hint: did you mean `token.source`?
	// compile: 1 error
}

func TestVerdictsOfEveryOperator(t *testing.T) {
	for _, tc := range []struct {
		when string
		want rules.Truth
	}{
		{`token.source == "manual"`, rules.True},
		{`token.source != "manual"`, rules.False},
		{`card.status == "lost"`, rules.Unknown},
		{`card.status == "lost" and token.source == "x"`, rules.False},
		{`card.status == "lost" or token.source == "manual"`, rules.True},
		{`not (card.status == "lost")`, rules.Unknown},
		{`has(card.status)`, rules.False},
		{`has(token.source) and not has(card.bin)`, rules.True},
		{`(card.age_days ?? 3) == 3`, rules.True},
		{`vel.cards_device_24h in 3..5`, rules.True},
		{`vel.cards_device_24h not in [3, 5]`, rules.True},
		{`vel.cards_device_24h / 8 == 0.5`, rules.True},
		{`vel.cards_device_24h % 3 == 1`, rules.True},
		{`vel.cards_device_24h / 0 == 1`, rules.Error},
		{`vel.cards_device_24h % 0 == 1`, rules.Error},
		{`vel.cards_device_24h / 0 == 1 or true`, rules.True},
		{`vel.cards_device_24h * 9223372036854775807 > 1`, rules.Error},
		{`vel.cards_device_24h < 9223372036854775807`, rules.True},
		{`any(card.codes, # in ["B"])`, rules.True},
		{`all(card.codes, # in ["B"])`, rules.False},
		{`none(card.codes, # startsWith "C")`, rules.True},
		{`count(card.codes, # < "B") == 1`, rules.True},
		{`any(wallet.reasons, # == "x")`, rules.Unknown},
		{`"A" in card.codes`, rules.True},
		{`"A" in wallet.reasons`, rules.Unknown},
		{`"Z" not in card.codes`, rules.True},
		{`len(card.codes) == 2`, rules.True},
		{`len(token.source) == 6 ? true : card.expired`, rules.True},
		{`card.expired ? true : true`, rules.Unknown},
		{`upper(token.source) + "!" == "MANUAL!"`, rules.True},
		{`token.source matches "^man"`, rules.True},
		{`token.source contains "anu" and token.source endsWith "l"`, rules.True},
		{`min(vel.cards_device_24h, 2, 9) == 2 and max(1, 2.5) == 2.5`, rules.True},
		{`abs(-3) == 3 and int(2.9) == 2 and float(2) == 2`, rules.True},
		{`at - time("2026-11-23T10:00:00Z") == 90`, rules.True},
		{`hour(at) == 10 and weekday(at) == 1`, rules.True},
		{`1 < vel.cards_device_24h < 5`, rules.True},
		{`-vel.cards_device_24h == -4`, rules.True},
		{`true`, rules.True},
	} {
		f := facts(t)
		p, err := compile.FS(pack(smallPack, fmt.Sprintf("- {id: R, effect: red, why: w, when: %q}\n", tc.when)), compile.Options{})
		if err != nil {
			t.Errorf("%s: %v", tc.when, err)
			continue
		}
		if got := p.Verdicts(f, time.Unix(0, 0))[0].Truth; got != tc.want {
			t.Errorf("%s is %v, want %v", tc.when, got, tc.want)
		}
	}
}

func facts(t *testing.T) *rules.Facts {
	t.Helper()
	f := rules.NewFacts(rules.EventV1())
	for name, v := range map[string]any{
		"token.source": "manual", "vel.cards_device_24h": 4, "card.codes": []string{"A", "B"},
		"at": time.Date(2026, 11, 23, 10, 1, 30, 0, time.UTC),
	} {
		if err := f.Set(name, v); err != nil {
			t.Fatal(err)
		}
	}
	return f
}
