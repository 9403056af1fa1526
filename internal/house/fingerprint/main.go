// Command fingerprint prints digests of what packs become and say, so that
// platforms can be compared: TestPlatformsAgree runs it on several. The first
// line is the starter pack, compiled here; then each pack file that is named:
// loaded without a compiler, written again, and asked about generated events.
package main

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"os"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile/compiletest"
	"github.com/issuant/issuant/rules/starter"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(files []string) error {
	p, err := starter.Pack()
	if err != nil {
		return err
	}
	fmt.Printf("starter %s %x\n", p.ID(), sha256.Sum256(p.Encode()))
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		p, err := rules.Load(b, nil)
		if err != nil {
			return err
		}
		said := sha256.New()
		if err := ask(p, said); err != nil {
			return err
		}
		fmt.Printf("%s %x %x\n", p.ID(), sha256.Sum256(p.Encode()), said.Sum(nil))
	}
	return nil
}

// ask writes verdicts, notes, costs and decisions on generated events.
func ask(p *rules.Pack, to hash.Hash) error {
	e, err := engine.New(p, engine.Options{})
	if err != nil {
		return err
	}
	for seed := range uint64(300) {
		f := compiletest.New(seed).Facts(p.Schema())
		run := p.Run(f, compiletest.Now)
		fmt.Fprintln(to, p.Verdicts(f, compiletest.Now), run.Notes, run.Sections, run.Cost)
		fmt.Fprintf(to, "%s\n", e.Decide(&engine.Event{Facts: f}, compiletest.Now).AppendJSON(nil))
	}
	return nil
}
