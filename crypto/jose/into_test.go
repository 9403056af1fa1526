package jose

import (
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/secret"
)

// TestParseIntoHoldsTheNewTokenAlone parses tokens, good and bad, into one JWS: nothing
// of the one before must verify, or show, after it.
func TestParseIntoHoldsTheNewTokenAlone(t *testing.T) {
	key := secret.NewBytes(sequence(1, 32))
	sign := func(payload string, h ...Param) string {
		token, err := Sign(HS256, key, h, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	long, short := sign(strings.Repeat("long ", 500), Text("kid", "a")), sign("short", Text("typ", "JWT"))
	var headers Headers
	var j JWS
	for _, c := range []struct{ token, payload, kid, typ string }{
		{long, strings.Repeat("long ", 500), "a", ""}, {short, "short", "", "JWT"}, {long, strings.Repeat("long ", 500), "a", ""},
	} {
		if err := headers.ParseInto(&j, c.token); err != nil {
			t.Fatal(err)
		}
		payload, err := j.Verify(HS256, key)
		if err != nil || string(payload) != c.payload || j.KeyID != c.kid || j.Type != c.typ {
			t.Errorf("%.20q, %v, kid %q, typ %q", payload, err, j.KeyID, j.Type)
		}
		headers.Keep(&j)
		if err := headers.ParseInto(&j, c.token[:len(c.token)-1]+"!"); err == nil {
			t.Error("a broken token parses")
		}
		if payload, err := j.Verify(HS256, key); err == nil {
			t.Errorf("after a broken token %.20q verifies", payload)
		}
	}
}
