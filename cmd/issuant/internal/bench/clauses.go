package bench

import (
	"fmt"
	"time"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// clausesPerPack bounds a pack of clauses, well within compile.MaxRules.
const clausesPerPack = 5000

// clausesOf compiles each clause of each rule as a condition of its own.
func clausesOf(p *rules.Pack) ([][]rules.Condition, error) {
	man := p.Manifest()
	env := p.Env(rules.NewFacts(p.Schema()), time.Time{})
	out := make([][]rules.Condition, len(man.Rules))
	var texts []rules.Rule
	var of []int // by text: its rule
	flush := func() error {
		m := *man
		m.Rules, m.Sections = texts, nil
		conds, _, err := compile.Compiler{}.CompileManifest(&m)
		if err != nil {
			return fmt.Errorf("bench: a clause does not compile on its own: %w", err)
		}
		for k, c := range conds {
			out[of[k]] = append(out[of[k]], c)
		}
		texts, of = nil, nil
		return nil
	}
	for i := range man.Rules {
		for _, leaf := range p.Condition(i).Leaves(env) {
			texts = append(texts, rules.Rule{ID: fmt.Sprintf("C%d", len(texts)), When: leaf.Text})
			of = append(of, i)
		}
		if len(texts) >= clausesPerPack || i == len(man.Rules)-1 && len(texts) > 0 {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
