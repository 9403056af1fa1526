//go:build issuant_lean

package rules

// A lean build, as in the small flavours of the WASM module, links nothing that builds
// an index: it loads lowered packs alone, whatever compiler it is given.

func compileAll(*Manifest, Compiler, []*List) (*Pack, error) { return nil, ErrNotLowered }

func recompiled(*Manifest, Compiler, []*List, []byte) (*Pack, error) { return nil, ErrNotLowered }
