//go:build issuant_decide && !issuant_verify

package module

import "github.com/issuant/issuant/rules"

// built is the flavour that this build holds.
const built = decide

// compiler is what rules.Load gets: packs with rules that are not lowered are refused.
func (m *instance) compiler() rules.Compiler { return nil }
