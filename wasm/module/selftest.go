package module

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// ErrSelftest is a known answer that did not come out: the module, or what runs it, is
// damaged, or an accelerated module's host answers wrongly.
var ErrSelftest = code.New(code.Internal, "module: a self-test failed; do not use this instance")

// A key and a signature that were made for this test; the private half is gone.
const (
	selftestText      = "issuant selftest"
	selftestModulus   = "pwvq8hiGCPRILsFLLs4HaIBLWAskgx1BAL4dgPPylLlSVbPBiI2kV-IBy0FkrfOkQILsS1MqBdUsqB2dtQOzQB1rz8hLZf64-0oEn56z4TOMKq371nBip9pbCqFkm1XE-Wu6XU8Hq3mvvB7YWrFmXg3QnbVKpFFcgPOlNYbPA7sCw8kLfhf8cDLPI6trqHCEWlzVppBSfSsDB1fP1lOFz2LfMTRjt7BigjXInKCzyeNBgCHrcqG7UTfeyE0nAuB0kmLA1j3wuA4CAzGdR7_z6CgynfqNzxquipc_wy8KhymXBMvgzHmKPPtQETBYjRvTcuju_Bx5SybIb9park-oUQ"
	selftestSignature = "RnZhK-zaFRi2Hx7cgtQ_e_YPd7mIp6PrcAD-YJ0S3G5d_Bb7C90yFGbo0wBW6ZCRK8OVEbTpKmae9TaZp1W6_fB8dAQD2lObGNWT374Zw6qk0YvAxakv85D_SbtWXkmYIS6TczduH2tXV7AvcdppgZoqT8qjXFEA9pwFK9ZujRZziOL5eKjzWd1o3yGMMmvLH338YjPoxT6awxTY_d1K2_KvFpdPTZSCffNmrEpWR11RaJgpJgRKWMYH7nR2P8PoNbW714mXTudpINkOM97LdsCUJx6L5a-KD46CrGEZEFbOvGTK7SlSXO-Gal3oRofsbZi5IOQRfwGuy_tkPYjl9w"
)

// knownAnswers are tests by name; each also refuses what is wrong.
var knownAnswers = [...]struct {
	name string
	ok   func() bool
}{
	{"sha256", func() bool { // FIPS 180-4
		sum := sha256.Sum256([]byte("abc"))
		return hex.EncodeToString(sum[:]) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	}},
	{"hmac_sha256", func() bool { // RFC 4231, case 2
		mac := hmac.New(sha256.New, []byte("Jefe"))
		mac.Write([]byte("what do ya want for nothing?"))
		return hex.EncodeToString(mac.Sum(nil)) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	}},
	{"hs256", func() bool { return hs256("Jefe") && !hs256("Jeff") }},
	{"rs256", func() bool { return rs256(selftestText) && !rs256(selftestText+"!") }},
	{"strict_json", func() bool {
		_, good := strictjson.Parse([]byte(`{"a":1,"b":[true]}`), strictjson.Limits{})
		_, bad := strictjson.Parse([]byte(`{"a":1,"A":2}`), strictjson.Limits{})
		return good == nil && bad != nil
	}},
}

// hs256 is a MAC as tokens and webhooks have it, by way of a host where there is one.
func hs256(name string) bool {
	key := secret.NewBytes([]byte(name + " has a secret of thirty-two bytes"))
	mac, _ := hex.DecodeString("e4ca3aa4ec5a759b2e90e6fc5813a2f9a182ba13215fd311c2871415e2f16d0a")
	return jose.VerifyBytes(jose.HS256, key, []byte(selftestText), mac) == nil
}

func rs256(text string) bool {
	n, _ := base64.RawURLEncoding.DecodeString(selftestModulus)
	sig, _ := base64.RawURLEncoding.DecodeString(selftestSignature)
	pub := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
	return jose.VerifyBytes(jose.RS256, pub, []byte(text), sig) == nil
}

func (m *instance) selftest(*call) error {
	names := make([]string, 0, len(knownAnswers))
	for _, t := range knownAnswers {
		if !t.ok() {
			return fmt.Errorf("%w: %s", ErrSelftest, t.name)
		}
		names = append(names, t.name)
	}
	m.write(func(w *canon.Writer) { w.Object().Key("ok").Bool(true).Key("tests").Strings(names).EndObject() })
	return nil
}
