package webhook_test

import (
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/testutil"
)

// TestSchemesPageNamesEveryPreset, and says of those that leave the body out that
// they do.
func TestSchemesPageNamesEveryPreset(t *testing.T) {
	page := string(testutil.Read(t, "SCHEMES.md"))
	for _, s := range webhook.Presets() {
		if !strings.Contains(page, "`"+s.Name+"`") {
			t.Errorf("SCHEMES.md does not name %s", s.Name)
		}
		if s.Coverage() == webhook.CoversNothing && !strings.Contains(page, "| `"+s.Name+"` | **not covered**") {
			t.Errorf("SCHEMES.md does not say that %s leaves the body out", s.Name)
		}
	}
}
