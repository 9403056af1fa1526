//go:build !issuant_lean

package rules

import "bytes"

func compileAll(m *Manifest, c Compiler, lists []*List) (*Pack, error) {
	if c == nil {
		return nil, ErrNotLowered
	}
	conds, sections, err := c.CompileManifest(m)
	if err != nil {
		return nil, err
	}
	return NewPack(m, conds, sections, lists...)
}

// recompiled compiles a pack whose lowered conditions are not enough; they must be
// those that the compiler makes.
func recompiled(m *Manifest, c Compiler, lists []*List, lowered []byte) (*Pack, error) {
	p, err := compileAll(m, c, lists)
	if err != nil {
		return nil, err
	}
	if own, _ := p.appendLowered(nil); !bytes.Equal(own, lowered) {
		return nil, ErrForms
	}
	return p, nil
}
