package starter_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/packtest"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/starter"
)

func Example() {
	pack, err := starter.Pack()
	if err != nil {
		fmt.Println(err)
		return
	}
	eng, err := engine.New(pack, engine.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := engine.ParseEvent(pack.Schema(), []byte(`{"id": "e-1", "card": {"type": "PLASTIC", "codes": ["FRB", "BNB"]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	d := eng.Decide(event, time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
	fmt.Println(d.Outcome, d.ActionCode, d.StepUp)
	// Output: yellow 85 [app sms call]
}

// wantIDs are the rules of each pack, wantCases how many of its cases pass at least.
var (
	wantIDs = map[string][]string{"starter": strings.Fields(`
	R01_card_not_eligible R02_card_not_tokenizable R03_card_invalid_finding R04_cvv_failed R05_expiry_mismatch
	R06_cvv_lockout R07_device_score_1 R08_account_score_1 R09_wallet_declines R10_mc_device_abuse
	R11_visa_score_high R12_many_cards_on_device R13_bin_attack R14_device_decline_streak R15_readd_churn
	R16_deny_list R17_mc_tpi_high O01_apple_high_risk O02_contact_changed_new_device
	Y01_device_score_2 Y02_account_score_low Y03_phone_score_low Y04_wallet_asks_step_up Y05_manual_entry
	Y06_wallet_account_new Y07_wallet_account_changed Y08_suspicious_or_inactive Y09_device_trouble
	Y10_too_many_attempts Y11_outside_home Y12_ip_masked Y13_third_device Y14_cannot_assess
	Y15_network_score_mid Y16_push_context_mismatch Y17_sca_missing Y18_name_mismatch
	Y19_card_not_activated_manual Y20_recurring_in_wallet Y21_card_not_normal G01_in_app_sca`), "provision": strings.Fields(`
	R01_card_not_eligible R02_too_many_provisions R03_failed_attempts O01_enrolled_lately O02_creds_reset_lately
	Y01_sca_missing_or_old Y02_sca_method_weak Y03_wallet_never_seen Y04_phone_changed Y05_new_device
	Y06_card_young_or_not_normal Y07_outside_home`)}
	wantCases = map[string]int{"starter": 205, "provision": 84}
)

// eachPack runs a test over every pack that is shipped.
func eachPack(t *testing.T, f func(*testing.T, *rules.Pack)) {
	for name, load := range map[string]func() (*rules.Pack, error){"starter": starter.Pack, "provision": starter.ProvisionPack} {
		t.Run(name, func(t *testing.T) {
			pack, err := load()
			if err != nil {
				t.Fatal(err)
			}
			if pack.Manifest().Name != name {
				t.Fatalf("it is named %s", pack.Manifest().Name)
			}
			f(t, pack)
		})
	}
}

func load(tb testing.TB) *rules.Pack {
	tb.Helper()
	pack, err := starter.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return pack
}

func loadTests(tb testing.TB, pack *rules.Pack) []compile.TestFile {
	tb.Helper()
	fsys := starter.FS()
	if pack.Manifest().Name == "provision" {
		fsys = starter.ProvisionFS()
	}
	files, err := compile.Tests(fsys, pack)
	if err != nil {
		tb.Fatal(err)
	}
	if len(files) == 0 {
		tb.Fatal("the pack has no test files")
	}
	return files
}

func run(tb testing.TB, pack *rules.Pack) *packtest.Report {
	tb.Helper()
	report, err := packtest.Run(pack, loadTests(tb, pack), packtest.Options{Coverage: true})
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

func TestPacksHaveTheirRules(t *testing.T) {
	eachPack(t, func(t *testing.T, pack *rules.Pack) {
		var got []string
		for _, r := range pack.Manifest().Rules {
			got = append(got, r.ID)
		}
		want := slices.Sorted(slices.Values(wantIDs[pack.Manifest().Name]))
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
		if n := map[string]int{"starter": 41, "provision": 12}[pack.Manifest().Name]; len(want) != n {
			t.Errorf("%d rules, want %d", len(want), n)
		}
	})
}

func TestEachRuleSaysWhyWhoAndWherefrom(t *testing.T) {
	eachPack(t, func(t *testing.T, pack *rules.Pack) {
		reasons := map[string]string{}
		colour := map[byte]rules.Effect{'R': rules.EffectRed, 'O': rules.EffectOrange, 'Y': rules.EffectYellow, 'G': rules.EffectGreen}
		for _, r := range pack.Manifest().Rules {
			if r.Effect != colour[r.ID[0]] {
				t.Errorf("%s has the effect %s", r.ID, r.Effect)
			}
			if !strings.HasSuffix(r.Why, ".") || r.Owner == "" || r.Since != "2026-11-23" {
				t.Errorf("%s lacks a why that is a sentence, an owner or a date", r.ID)
			}
			if r.Say == "" && r.Effect != rules.EffectGreen {
				t.Errorf("%s has nothing to say to the cardholder", r.ID)
			}
			if other, ok := reasons[r.Reason]; ok || strings.ToUpper(r.Reason) != r.Reason || r.Reason == "" {
				t.Errorf("%s has the reason %q, as %s", r.ID, r.Reason, other)
			}
			reasons[r.Reason] = r.ID
			checkSources(t, r)
		}
	})
}

func checkSources(t *testing.T, r rules.Rule) {
	t.Helper()
	links := 0
	for _, s := range r.Sources {
		if strings.HasPrefix(s, "judgement: ") {
			continue
		}
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			t.Errorf("%s: the source %q is neither a link nor a judgement", r.ID, s)
		}
		links++
	}
	if links == 0 {
		t.Errorf("%s has no link to a source", r.ID)
	}
}

// What the cardholder hears must not tell a fraudster what gave him away.
func TestSayRevealsNoSuspicion(t *testing.T) {
	eachPack(t, func(t *testing.T, pack *rules.Pack) {
		words := regexp.MustCompile(`(?i)fraud|risk|suspic|score|stolen|lost|block|vpn|deny|list|limit|too many|attempt|country|device|wallet|tomorrow|report`)
		for _, r := range pack.Manifest().Rules {
			if word := words.FindString(r.Say); word != "" {
				t.Errorf("%s says %q, with %q in it", r.ID, r.Say, word)
			}
		}
	})
}

func TestEachRuleHasTwoHitsTwoMissesAndAnUnknown(t *testing.T) {
	eachPack(t, func(t *testing.T, pack *rules.Pack) {
		count := map[string]map[string]int{}
		for _, file := range loadTests(t, pack) {
			for _, c := range file.Cases {
				id, rest, _ := strings.Cut(c.Name, " ")
				verb, _, _ := strings.Cut(rest, ":")
				if count[id] == nil {
					count[id] = map[string]int{}
				}
				count[id][verb]++
				switch verb {
				case "hits":
					if !slices.Contains(c.Expect.Rules, id) {
						t.Errorf("%s:%d: does not expect %s", file.Name, c.Line, id)
					}
				case "misses":
					if !slices.Contains(c.Expect.NotRules, id) {
						t.Errorf("%s:%d: does not exclude %s", file.Name, c.Line, id)
					}
				}
			}
		}
		for _, id := range wantIDs[pack.Manifest().Name] {
			if c := count[id]; c["hits"] < 2 || c["misses"] < 2 || c["unknown"] < 1 {
				t.Errorf("%s has %d hits, %d misses, %d unknowns", id, c["hits"], c["misses"], c["unknown"])
			}
		}
	})
}

func TestAllCasesPass(t *testing.T) {
	eachPack(t, func(t *testing.T, pack *rules.Pack) {
		report := run(t, pack)
		for _, r := range report.Results {
			if r.Status != packtest.Passed {
				t.Errorf("%s:%d: %s: %s\n\t%s", r.File, r.Line, r.Name, r.Status, strings.Join(r.Diff, "\n\t"))
			}
		}
		if want := wantCases[pack.Manifest().Name]; report.Passed < want {
			t.Errorf("%d cases passed, want at least %d", report.Passed, want)
		}
	})
}

func TestCasesSeeEveryOutcomeOfEveryLeaf(t *testing.T) {
	eachPack(t, func(t *testing.T, pack *rules.Pack) {
		cov := run(t, pack).Coverage
		for i := range cov.Rules {
			for _, l := range cov.Rules[i].Leaves {
				if l.True == 0 || l.False == 0 {
					t.Errorf("%s: `%s` was true %d times, false %d times", cov.Rules[i].ID, l.Text, l.True, l.False)
				}
			}
		}
		if cov.Percent() != 100 {
			t.Errorf("coverage %.1f %%", cov.Percent())
		}
	})
}

func TestRemovingAFactNeverMakesGreen(t *testing.T) {
	eachPack(t, func(t *testing.T, pack *rules.Pack) {
		eng := newEngine(t, pack)
		rng := rand.New(rand.NewPCG(1, 2))
		for _, r := range run(t, pack).Results {
			if r.Decision.Outcome == rules.Green {
				continue
			}
			present := presentFacts(r.Event)
			for _, name := range present {
				checkNotGreen(t, eng, r, []string{name})
			}
			for range 40 { // and sets of facts at random, since two may hide each other
				rng.Shuffle(len(present), func(i, k int) { present[i], present[k] = present[k], present[i] })
				checkNotGreen(t, eng, r, present[:rng.IntN(len(present)+1)])
			}
		}
	})
}

// A value that nobody defined (another counterpart's "stolen") is no good value.
func TestUnknownValuesNeverMakeGreen(t *testing.T) {
	eachPack(t, func(t *testing.T, pack *rules.Pack) {
		eng := newEngine(t, pack)
		harmless := strings.Fields("kind token.requestor token.channel token.type") // on a clean request: read as strictly as can be
		if pack.Manifest().Name == "provision" {
			// No grant is made for another wallet, and no builder is there for another
			// network: these need no rule. Another kind is yellow.
			harmless = strings.Fields("token.requestor token.channel token.type token.source token.network")
		}
		for _, r := range run(t, pack).Results {
			for _, name := range presentFacts(r.Event) {
				i, _ := pack.Schema().Lookup(name)
				if f := pack.Schema().Field(i); f.Type != rules.String || len(f.Enum) == 0 {
					continue
				}
				clean := r.Decision.Outcome == rules.Green
				if clean && (slices.Contains(harmless, name) || r.Event.Text("token.channel") == "merchant" && name == "token.source") {
					continue
				}
				ev := r.Event.Clone()
				if err := ev.Set(name, "zz_unknown"); err != nil {
					t.Fatal(err)
				}
				if eng.Decide(ev, r.Now).Outcome == rules.Green {
					t.Errorf("%s:%d: with an unknown %s this %s is green", r.File, r.Line, name, r.Decision.Outcome)
				}
			}
		}
	})
}

func newEngine(tb testing.TB, pack *rules.Pack) *engine.Engine {
	tb.Helper()
	eng, err := engine.New(pack, engine.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return eng
}

func presentFacts(ev *engine.Event) []string {
	var names []string
	for i := range ev.Schema().Len() {
		if ev.At(i) != nil {
			names = append(names, ev.Schema().Field(i).Name)
		}
	}
	return names
}

func checkNotGreen(t *testing.T, eng *engine.Engine, r packtest.Result, without []string) {
	t.Helper()
	ev := r.Event.Clone()
	for _, name := range without {
		ev.Unset(name)
	}
	if eng.Decide(ev, r.Now).Outcome == rules.Green {
		t.Errorf("%s:%d: without %v this %s turns green", r.File, r.Line, without, r.Decision.Outcome)
	}
}

// The reason why the sweep above holds for events that nobody wrote down: a fact
// that a rule reads is required of all tokens, or the rule holds for wallets and
// Y14 or a red rule for wallets asks for it.
func TestEveryFactOfARuleIsRequiredForGreen(t *testing.T) {
	const wallet = `(token.channel ?? "wallet") != "merchant"`
	pack := load(t)
	man := pack.Manifest()
	all, wallets := map[string]bool{}, map[string]bool{
		"token.channel":          true, // absent counts as a wallet
		"token.requestor":        true, // O01: absent counts as Apple
		"device.first_seen_days": true, // O02: absent counts as new
	}
	for _, name := range man.GreenRequires {
		all[name] = true
	}
	for i, r := range man.Rules {
		if r.ID == "Y14_cannot_assess" || r.Effect == rules.EffectRed {
			for _, name := range factsOf(pack, i) {
				wallets[name] = true
			}
		}
	}
	hitsWithout := map[string][]string{ // on_missing: hit
		"Y17_sca_missing":               {"session.sca", "session.sca_age_s"},
		"Y19_card_not_activated_manual": {"token.source"},
	}
	for i, r := range man.Rules {
		for _, name := range factsOf(pack, i) {
			switch {
			case all[name], r.Effect == rules.EffectGreen:
			case r.OnMissing == rules.HitIt && slices.Contains(hitsWithout[r.ID], name):
			case !strings.Contains(r.When, wallet):
				t.Errorf("%s holds for merchants too and reads %s, which green_requires does not name", r.ID, name)
			case !wallets[name] && r.Effect != rules.EffectRed:
				t.Errorf("%s reads %s, which neither green_requires nor Y14 nor a red rule asks for", r.ID, name)
			}
		}
	}
}

func factsOf(pack *rules.Pack, rule int) []string {
	var names []string
	for _, i := range pack.Condition(rule).Fields() {
		names = append(names, pack.Schema().Field(i).Name)
	}
	return names
}

// A fact of a clean request that goes missing turns it yellow, or it was not
// needed; which are not needed is written down here.
func TestCleanRequestsNeedTheirFacts(t *testing.T) {
	needTheirFacts(t, load(t), "a clean push", 2, `id at kind adapter schema token.ref token.requestor token.channel token.type card.bin
		card.program device.bound device.first_seen_days holder.ref holder.channels session.in_app`)
}

// needTheirFacts takes each fact but the free ones away from the cases whose names begin
// so, of which there are as many as said.
func needTheirFacts(t *testing.T, pack *rules.Pack, prefix string, cases int, free string) {
	t.Helper()
	eng, unneeded, n := newEngine(t, pack), strings.Fields(free), 0
	for _, r := range run(t, pack).Results {
		if !strings.HasPrefix(r.Name, prefix) {
			continue
		}
		n++
		for _, name := range presentFacts(r.Event) {
			ev := r.Event.Clone()
			ev.Unset(name)
			want := rules.Yellow
			if slices.Contains(unneeded, name) {
				want = rules.Green
			}
			if got := eng.Decide(ev, r.Now).Outcome; got != want {
				t.Errorf("%s, without %s: %s, want %s", r.Name, name, got, want)
			}
		}
	}
	if n != cases {
		t.Errorf("%d cases begin with %q, want %d", n, prefix, cases)
	}
}

func TestNoRuleReadsALabel(t *testing.T) {
	eachPack(t, func(t *testing.T, pack *rules.Pack) {
		for i, r := range pack.Manifest().Rules {
			for _, f := range pack.Condition(i).Fields() {
				if pack.Schema().Field(f).Label {
					t.Errorf("%s reads %s", r.ID, pack.Schema().Field(f).Name)
				}
			}
		}
	})
}

func TestEveryParamAndListIsUsedAndExplained(t *testing.T) {
	eachPack(t, func(t *testing.T, pack *rules.Pack) {
		man := pack.Manifest()
		var text strings.Builder
		for _, r := range man.Rules {
			text.WriteString(r.When + "\n")
		}
		for _, p := range man.Params {
			if !strings.Contains(text.String(), `param("`+p.Name+`")`) {
				t.Errorf("no rule reads the parameter %s", p.Name)
			}
			if p.Min == nil || p.Max == nil || p.Unit == "" || p.Doc == "" {
				t.Errorf("the parameter %s lacks bounds, unit or doc", p.Name)
			}
		}
		for _, l := range man.Lists {
			if !strings.Contains(text.String(), `list("`+l.Name+`")`) || l.Doc == "" {
				t.Errorf("no rule reads the list %s, or it lacks a doc", l.Name)
			}
		}
	})
}

func TestShippedListsHoldExamplesOnly(t *testing.T) {
	for _, l := range load(t).Lists() {
		if l.Len() == 0 {
			t.Errorf("%s is empty", l.Name())
		}
		for _, e := range l.Entries() {
			if !strings.HasPrefix(e.Value, "example-") {
				t.Errorf("%s holds %q", l.Name(), e.Value)
			}
		}
	}
}

// The pack is what its author sees: every file of the folder is embedded, and
// files that it does not know are not.
func TestFSHoldsPackRulesListsAndTests(t *testing.T) {
	count := map[string]int{}
	err := fs.WalkDir(starter.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			dir, _, _ := strings.Cut(path, "/")
			count[dir]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if count["pack.yaml"] != 1 || count["rules"] != 7 || count["lists"] != 4 || count["tests"] != 8 || len(count) != 4 {
		t.Errorf("files: %v", count)
	}
}

func TestPackIsCompiledOnce(t *testing.T) {
	if first, second := load(t), load(t); first != second {
		t.Error("two calls of Pack returned two packs")
	}
}

func BenchmarkDecide(b *testing.B) {
	pack := load(b)
	eng := newEngine(b, pack)
	for _, r := range run(b, pack).Results {
		name := ""
		switch r.Name {
		case "a clean push from the bound app is green on Visa":
			name = "facts=all/outcome=green"
		case "the processor's sample request: plastic card, FRB, BNB, no network data":
			name = "facts=few/outcome=yellow"
		default:
			continue
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := eng.Decide(r.Event, r.Now); d.Outcome != r.Decision.Outcome {
					b.Fatal(d.Outcome)
				}
			}
		})
	}
}
