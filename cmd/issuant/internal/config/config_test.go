package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/engine/wire/pismo"
)

func Example() {
	c, faults := config.Parse(config.Source{File: "issuant.yaml", Data: []byte(`
listen: 127.0.0.1:8000
dead_line: 1s
counterparts:
  pismo: {keys: keys.json, accounts: [7], ref_key: ref.key, sms: true, skew: 1h}
`)})
	fmt.Println(c.Listen)
	for _, f := range faults {
		fmt.Println(f)
	}
	// Output:
	// 127.0.0.1:8000
	// issuant.yaml:3: unknown key "dead_line", did you mean "deadline"?
	// issuant.yaml:5: counterparts.pismo.skew: 1h is not between 1s and 10m
}

const good = `
store: memory
counterparts:
  pismo:
    keys: keys.json
    accounts: ["1", 2]
    sms: true
`

func parse(t *testing.T, text string, flags map[string][]string, env map[string]string) *config.Config {
	t.Helper()
	c, faults := config.Parse(config.Source{
		File: "f.yaml", Data: []byte(text),
		Flags: func(name string) ([]string, bool) { v, ok := flags[name]; return v, ok },
		Env:   func(name string) string { return env[name] },
	})
	for _, f := range faults {
		t.Error(f)
	}
	return c
}

func TestAFlagWinsOverAVariableAndThatOverTheFile(t *testing.T) {
	text := "max_body: 1MiB\n" + good
	c := parse(t, text, nil, nil)
	if c.MaxBody != 1<<20 || c.Place("max_body") != "f.yaml:1" || strings.Join(c.Counterparts[0].Accounts, " ") != "1 2" {
		t.Errorf("the file: %+v", c)
	}
	env := map[string]string{"ISSUANT_MAX_BODY": "2048", "ISSUANT_ACCOUNT": "3,4", "ISSUANT_MAX_AGE": "90"}
	c = parse(t, text, nil, env)
	if p := c.Counterparts[0]; c.MaxBody != 2048 || c.Place("max_body") != "ISSUANT_MAX_BODY" || strings.Join(p.Accounts, " ") != "3 4" || p.MaxAge != 90*time.Second {
		t.Errorf("the variables: %+v %+v", c, p)
	}
	c = parse(t, text, map[string][]string{"max-body": {"64KiB"}, "account": {"5", "6"}, "sms": {"true"}}, env)
	if p := c.Counterparts[0]; c.MaxBody != 64<<10 || c.Place("max_body") != "--max-body" || strings.Join(p.Accounts, " ") != "5 6" || p.Place("accounts") != "--account" {
		t.Errorf("the flags: %+v %+v", c, p)
	}
}

func TestFlatKeysOfTheOnlyCounterpart(t *testing.T) {
	c := parse(t, "store: memory\nkeys: k.json\naccount: [7]\nsms: true\n", nil, nil)
	if p := c.Counterparts[0]; p.Name != "pismo" || p.Keys != "k.json" || p.Accounts[0] != "7" || !p.SMS || p.Place("keys") != "f.yaml:2" {
		t.Errorf("%+v", p)
	}
}

func TestEverySettingOfACounterpartIsRead(t *testing.T) {
	c := parse(t, `
counterparts:
  br:
    scheme: pismo
    keys: https://keys.example.com/k
    max_stale: 12h
    refresh: 10m
    unsafe_any_account: true
    header: Authorization
    subjects: [a, b]
    max_age: 2m
    skew: 30s
    retry_window: 20s
    unsafe_observe: [max_age, subject]
    observe_max_age: 2h
    shadow: https://incumbent.example.com/hook
    shadow_timeout: 3s
    ref_key: ref.key
    sms: true
    sms_source: Bank
    call: "+551130039500"
    call_source: Line
    apps: [{url: "issuer://wallet", platform: IOS, source: App}, {url: "issuer://w", platform: android}]
    requestors: {"40010030273": apple_pay}
    npl: red
    npl_programs: {"7": by_type}
    rejected_approve_false_85: true
    trusted_findings: true
`, nil, nil)
	got := fmt.Sprintf("%+v", *c.Counterparts[0])
	for _, want := range []string{
		"Name:br Scheme:pismo Keys:https://keys.example.com/k MaxStale:12h0m0s Refresh:10m0s", "UnsafeAnyAccount:true Header:Authorization Subjects:[a b]",
		"MaxAge:2m0s Skew:30s RetryWindow:20s UnsafeObserve:[max_age subject] ObserveMaxAge:2h0m0s Shadow:https://incumbent.example.com/hook ShadowTimeout:3s RefKey:ref.key SMS:true SMSSource:Bank Call:+551130039500 CallSource:Line",
		"Apps:[{URL:issuer://wallet Platform:IOS Source:App} {URL:issuer://w Platform:ANDROID Source:}]", "Requestors:map[40010030273:apple_pay]",
		fmt.Sprintf("NPL:%v NPLPrograms:map[7:%v] RejectedApproveFalse85:true TrustedFindings:true", pismo.NPLRed, pismo.NPLByType),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %s\n%s", want, got)
		}
	}
}

func TestCounterpartsAreSorted(t *testing.T) {
	one := "    scheme: pismo\n    keys: k.json\n    accounts: [1]\n    sms: true\n"
	c := parse(t, "store: memory\ncounterparts:\n  b:\n"+one+"  a:\n"+one, nil, nil)
	if len(c.Counterparts) != 2 || c.Counterparts[0].Name != "a" {
		t.Errorf("%+v", c.Counterparts)
	}
}

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.8.8.8:1": true, "[::1]:1": true, "localhost:1": true, "[::ffff:127.0.0.1]:1": true,
		"0.0.0.0:1": false, ":1": false, "[::]:1": false, "10.0.0.1:1": false, "example.com:1": false, "127.0.0.1.example.com:1": false, "": false,
	} {
		if config.Loopback(address) != want {
			t.Error(address)
		}
	}
}

// TestEverySettingIsDocumented: flags, schema and papers are made from these.
func TestEverySettingIsDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range append(config.Top(), config.PerCounterpart()...) {
		if s.Doc == "" || s.Name == "" || seen[s.Name] || s.Flag != "" && seen["--"+s.Flag] || s.Flag != "" && s.Kind != config.Yes && s.Arg == "" {
			t.Errorf("%+v", s)
		}
		seen[s.Name], seen["--"+s.Flag] = true, s.Flag != ""
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("counterparts: {pismo: {apps: [{url: 1}], requestors: {a: b}}}"))
	f.Add([]byte("a: &a [*a]\n<<: *a\n? [x]\n: y\n"))
	f.Add([]byte("counterparts:\n  ? {a: b}\n  : 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, faults := config.Parse(config.Source{File: "f", Data: text})
		for _, fault := range faults {
			if fault.Msg == "" || fault.String() == "" {
				t.Errorf("a fault without words: %+v", fault)
			}
		}
		if len(faults) == 0 && len(c.Counterparts) == 0 {
			t.Error("neither a fault nor a counterpart")
		}
	})
}

func TestTrustIsReadWithItsPlaces(t *testing.T) {
	const some = "store: issuant.db\npack: p.signed\ncounterparts: {pismo: {keys: k.json, accounts: [1], sms: true, ref_key: r}}\n"
	c := parse(t, some+"trust:\n  packs: {required: 2, name: a/b, signers: {ben: b.pub, ana: a.pub}}\n  rings: {required: 1, signers: {ops: o.pub}}\n", nil, nil)
	if p, r := c.Trust.Packs, c.Trust.Rings; p.Required != 2 || p.Name != "a/b" || p.Signers[0].Name != "ana" || r.Signers[0].Key != "o.pub" || p.Equal(r) || !p.Equal(p) {
		t.Errorf("%+v %+v", p, r)
	}
	for text, want := range map[string]string{
		"trust: 2": "f.yaml:4: trust is a mapping {packs:", "trust: {pack: {}}": `unknown key "pack", did you mean "packs"?`,
		"trust: {packs: 1}": "packs is a mapping {required", "trust: {packs: {required: 1}}": "signers is missing",
		"trust: {packs: {signers: {a: b}}}": "required is missing", "trust: {packs: {required: 2, signers: {a: b}}}": "required is 2, and there are 1 signers",
		"trust: {packs: {required: 1, signers: {A: b}}}": `the name "A" of a signer`, "trust: {packs: {required: 1, name: ../x, signers: {a: b}}}": "name is not 1 to 64",
		"trust: {rings: {required: 1, name: x, signers: {a: b}}}": `unknown key "name"`,
	} {
		_, faults := config.Parse(config.Source{File: "f.yaml", Data: []byte(some + text + "\n")})
		if len(faults) != 1 || !strings.Contains(faults[0].String(), want) || !strings.HasPrefix(faults[0].String(), "f.yaml:4: trust") {
			t.Errorf("%s: %v, want %s", text, faults, want)
		}
	}
	for _, text := range []string{strings.Replace(some, "issuant.db", "memory", 1), strings.Replace(some, "pack: p.signed\n", "", 1)} {
		if _, faults := config.Parse(config.Source{File: "f.yaml", Data: []byte(text + "trust: {packs: {required: 1, signers: {a: b}}}\n")}); len(faults) != 1 {
			t.Errorf("%s: %v", text, faults)
		}
	}
}
