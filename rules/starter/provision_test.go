package starter_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/starter"
)

func ExampleProvisionPack() {
	pack, err := starter.ProvisionPack()
	if err != nil {
		fmt.Println(err)
		return
	}
	eng, err := engine.New(pack, engine.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := engine.ParseEvent(pack.Schema(), []byte(`{"id": "e-1", "kind": "provision", "wallet": {"recommendation": "none"},
		"card": {"ref": "k1:card-a", "expired": true}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	d := eng.Decide(event, time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
	fmt.Println(d.Outcome, d.ActionCode, d.Rules[0].ID)
	// Output: red 54 R01_card_not_eligible
}

func loadProvision(t *testing.T) *rules.Pack {
	t.Helper()
	pack, err := starter.ProvisionPack()
	if err != nil {
		t.Fatal(err)
	}
	return pack
}

// TestEveryFactOfAPayloadIsRequiredForGreen: all that a rule reads is required, but for
// what Apple Pay cannot have, which its rule asks for by itself.
func TestEveryFactOfAPayloadIsRequiredForGreen(t *testing.T) {
	pack := loadProvision(t)
	man := pack.Manifest()
	for i, r := range man.Rules {
		for _, name := range factsOf(pack, i) {
			if slices.Contains(man.GreenRequires, name) || r.ID == "Y03_wallet_never_seen" && r.OnMissing == rules.HitIt && name == "wallet.first_seen_days" {
				continue
			}
			t.Errorf("%s reads %s, which green_requires does not name", r.ID, name)
		}
	}
}

// TestCleanPayloadsNeedTheirFacts: each fact that goes missing turns a clean request
// yellow, or it is written down here that it need not be known. There is one for each wallet.
func TestCleanPayloadsNeedTheirFacts(t *testing.T) {
	needTheirFacts(t, loadProvision(t), "a cardholder with a known phone", 3, `at adapter schema token.channel token.type token.source card.bin
		wallet.account_ref device.ref holder.ref holder.channels session.in_app`)
}

// TestFactsAreDocumented holds FACTS.md to the schema and the rules: each fact that the
// pack or the engine reads stands in it, with its type and its rules, and no other.
func TestFactsAreDocumented(t *testing.T) {
	pack := loadProvision(t)
	readers := map[string][]string{}
	for i, r := range pack.Manifest().Rules {
		for _, name := range factsOf(pack, i) {
			readers[name] = append(readers[name], r.ID)
		}
	}
	eng := newEngine(t, pack)
	// Of the tokenisation of a card, or of the record and the kill switch alone.
	elsewhere := strings.Fields("token.requestor_id token.channel card.bin card.last4")
	listed := map[string]bool{}
	for _, line := range strings.Split(string(testutil.Read(t, filepath.Join("provision", "FACTS.md"))), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 8 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		name := strings.Trim(cells[1], " `")
		listed[name] = true
		i, ok := pack.Schema().Lookup(name)
		if !ok {
			t.Errorf("%s is no fact of the schema", name)
			continue
		}
		if typ := strings.TrimSpace(cells[2]); typ != pack.Schema().Field(i).Type.String() {
			t.Errorf("%s is of the type %s, not %s", name, pack.Schema().Field(i).Type, typ)
		}
		var named []string
		for _, word := range strings.Split(cells[5], ",") {
			if word = strings.TrimSpace(word); slices.Contains(wantIDs["provision"], word) {
				named = append(named, word)
			}
		}
		if slices.Sort(readers[name]); !slices.Equal(named, readers[name]) {
			t.Errorf("%s is read by %v; FACTS.md names %v", name, readers[name], named)
		}
		if strings.TrimSpace(cells[4]) == "" || strings.TrimSpace(cells[5]) == "" || strings.TrimSpace(cells[6]) == "" {
			t.Errorf("%s has an empty cell", name)
		}
	}
	for _, name := range eng.Reads() {
		if !listed[name] && !slices.Contains(elsewhere, name) {
			t.Errorf("FACTS.md lacks %s", name)
		}
	}
	if len(listed) < 25 {
		t.Errorf("only %d facts: the walk is broken", len(listed))
	}
}

func TestProvisionFSHoldsThePackAlone(t *testing.T) {
	count := map[string]int{}
	err := fs.WalkDir(starter.ProvisionFS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			dir, _, _ := strings.Cut(path, "/")
			count[dir]++
		}
		return err
	})
	if err != nil || count["pack.yaml"] != 1 || count["rules"] != 3 || count["tests"] != 4 || len(count) != 3 {
		t.Errorf("files: %v %v", count, err)
	}
}
