//go:build !issuant_verify && !issuant_decide

package module

import (
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// built is the flavour that this build holds.
const built = full

// compiler is what rules.Load gets: nil where the flavour has none.
func (m *instance) compiler() rules.Compiler {
	if m.flavour < full {
		return nil
	}
	return compile.Compiler{}
}
