// Package jwk reads single keys of JWK sets (RFC 7517): the members of one object
// become a keyring.Key. It stands apart from package source, which reads files and
// fetches, so that programs without either can read keys.
//
// A build with the tag issuant_lean reads public RSA and symmetric keys alone: keys of
// the kinds EC and OKP, and private ones, are refused there, each with a reason that
// says so.
package jwk

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/strictjson"
)

// jwk reads the members of one key and remembers the first that is wrong.
type jwk struct {
	members strictjson.Value
	wanted  []keyring.Use
	wrong   string
}

func (j *jwk) fail(msg string) {
	if j.wrong == "" {
		j.wrong = msg
	}
}

// text returns a string member, "" when it is absent.
func (j *jwk) text(name string) string {
	v, ok := j.members.Get(name)
	if ok && v.Kind != strictjson.String {
		j.fail(name + " is not a string")
	}
	return v.Str
}

// bytes returns a member in base64url; it must be there and not empty.
func (j *jwk) bytes(name string) []byte {
	s := j.text(name)
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || s == "" || strings.ContainsAny(s, "\r\n") {
		j.fail(name + " is missing or not base64url without padding")
		return nil
	}
	return b
}

// date returns a member in Unix seconds between 1970 and 9999.
func (j *jwk) date(name string) (t time.Time, ok bool) {
	v, ok := j.members.Get(name)
	if !ok {
		return time.Time{}, false
	}
	n, ok := v.Int64()
	if !ok || n < 0 || n > 253402300799 {
		j.fail(name + " is not an integer of Unix seconds")
		return time.Time{}, false
	}
	return time.Unix(n, 0).UTC(), true
}

// Read returns the key that an object describes: what ParseJWKS of package source
// says of one key. wanted are the uses that the caller has for it, in order; none
// means keyring.UseVerify alone. A key that cannot be used has Refused set and holds
// no material. The key shares no memory with v, but for its texts.
func Read(id string, v strictjson.Value, wanted []keyring.Use) keyring.Key {
	j := jwk{members: v, wanted: wanted}
	k := keyring.Key{ID: id, Alg: j.text("alg"), Scheme: j.text("scheme")}
	j.policy(&k)
	private := false
	switch kty := j.text("kty"); kty {
	case "RSA":
		k.Public, private = j.rsa(), j.half("d", "p", "q", "dp", "dq", "qi", "oth")
	case "EC":
		k.Public, private = j.ec(), j.half("d")
	case "OKP":
		k.Public, private = j.okp(), j.half("d")
	case "oct":
		k.Secret = j.oct()
	case "":
		j.fail("kty is missing")
	default:
		j.fail("kty is not RSA, EC, OKP or oct")
	}
	if private && j.wrong == "" {
		j.pair(&k)
	}
	j.use(&k)
	if k.Refused = j.wrong; k.Refused != "" {
		k.Public, k.Private, k.Secret = nil, keyring.Private{}, secret.Bytes{}
	}
	return k
}

// policy reads when the key is valid.
func (j *jwk) policy(k *keyring.Key) {
	if bad := j.members.MisCased("kty", "kid", "use", "key_ops", "alg", "nbf", "exp", "not_after_ms", "scheme", "n", "e", "crv", "x", "y", "d", "k"); bad != "" {
		j.fail("a known member is written in another case")
	}
	if t, ok := j.date("nbf"); ok {
		k.NotBefore = t
	}
	if t, ok := j.date("exp"); ok {
		// exp is the first instant that is too late, NotAfter the last that is not.
		k.NotAfter = t.Add(-1)
	}
	if _, ok := j.members.Get("exp"); !ok {
		j.lastInstant(k)
	}
}

// lastInstant reads not_after_ms, a member of our own for keys whose validity ends with
// an instant and not before one, as certificates' does: Unix milliseconds, inclusive.
func (j *jwk) lastInstant(k *keyring.Key) {
	v, ok := j.members.Get("not_after_ms")
	if !ok {
		return
	}
	n, ok := v.Int64()
	if !ok || n < 0 || n > 253402300799999 {
		j.fail("not_after_ms is not an integer of Unix milliseconds")
		return
	}
	k.NotAfter = time.UnixMilli(n).UTC()
}

// opsOf are the uses that the values of key_ops stand for (RFC 7517 section 4.3).
var opsOf = map[string]keyring.Use{
	"verify": keyring.UseVerify, "sign": keyring.UseSign,
	"encrypt": keyring.UseEncrypt, "wrapKey": keyring.UseEncrypt,
	"decrypt": keyring.UseDecrypt, "unwrapKey": keyring.UseDecrypt, "deriveKey": keyring.UseDecrypt, "deriveBits": keyring.UseDecrypt,
}

// use gives the key the first wanted use that it may serve, by its halves, its
// members use and key_ops, and its algorithm where those say nothing.
func (j *jwk) use(k *keyring.Key) {
	may := signAndVerify(k)
	_, has := j.members.Get("use")
	switch use := j.text("use"); {
	case use == "enc", !has && encrypts(k.Alg):
		may = encryptAndDecrypt(k)
	case has && use != "sig":
		j.fail("use is neither sig nor enc")
	}
	if ops, ok := j.members.Get("key_ops"); ok {
		may = j.ops(ops, may)
	}
	if k.Use = UseOf(may, j.wanted); k.Use == 0 && j.wrong == "" {
		j.fail(Unwanted(may, j.wanted))
	}
}

// ops narrows the uses to those that key_ops names, or without a member use widens
// them to these.
func (j *jwk) ops(ops strictjson.Value, may []keyring.Use) []keyring.Use {
	if ops.Kind != strictjson.Array {
		j.fail("key_ops is not an array")
		return nil
	}
	_, narrows := j.members.Get("use")
	var named []keyring.Use
	for _, op := range ops.Items {
		if use, ok := opsOf[op.Str]; ok && op.Kind == strictjson.String && (!narrows || slices.Contains(may, use)) {
			named = append(named, use)
		}
	}
	if named == nil {
		j.fail("key_ops has nothing that this key may do")
	}
	return named
}

func signAndVerify(k *keyring.Key) []keyring.Use {
	switch {
	case k.Secret.Len() > 0:
		return []keyring.Use{keyring.UseVerify, keyring.UseSign}
	case k.Private.IsZero():
		return []keyring.Use{keyring.UseVerify}
	}
	return []keyring.Use{keyring.UseSign}
}

func encryptAndDecrypt(k *keyring.Key) []keyring.Use {
	switch {
	case k.Secret.Len() > 0:
		return []keyring.Use{keyring.UseEncrypt, keyring.UseDecrypt}
	case k.Private.IsZero():
		return []keyring.Use{keyring.UseEncrypt}
	}
	return []keyring.Use{keyring.UseDecrypt}
}

// encrypts reports whether an algorithm is for encryption (RFC 7518 sections 4 and 5).
func encrypts(alg string) bool {
	for _, prefix := range []string{"RSA-OAEP", "ECDH-ES", "A128", "A192", "A256", "dir", keyring.AlgTDES} {
		if strings.HasPrefix(alg, prefix) {
			return true
		}
	}
	return false
}

// half reports whether the key has private members, which are refused where no
// private key is wanted.
func (j *jwk) half(names ...string) bool {
	for _, name := range names {
		if _, ok := j.members.Get(name); ok {
			if !slices.Contains(j.wanted, keyring.UseSign) && !slices.Contains(j.wanted, keyring.UseDecrypt) {
				j.fail("holds private key material, which does not belong into a file of public keys")
			}
			return true
		}
	}
	return false
}

func (j *jwk) rsa() crypto.PublicKey {
	n, e := j.bytes("n"), j.bytes("e")
	if j.wrong != "" {
		return nil
	}
	exponent := new(big.Int).SetBytes(e)
	pub := &rsa.PublicKey{N: new(big.Int).SetBytes(n)}
	if exponent.BitLen() <= 31 {
		pub.E = int(exponent.Int64())
	}
	if err := keyring.CheckRSA(pub); err != nil {
		j.fail(err.Error())
		return nil
	}
	return pub
}

func (j *jwk) oct() secret.Bytes {
	b := j.bytes("k")
	defer clear(b)
	if least := keyring.MinSecret(j.text("scheme")); len(b) < least {
		j.fail(keyring.ErrWeakKey.Error() + ": secret of fewer than " + strconv.Itoa(least) + " bytes")
		return secret.Bytes{}
	}
	return secret.NewBytes(b)
}

// UseOf returns the first wanted use that a key may serve, 0 when there is none. No
// wanted use means keyring.UseVerify.
func UseOf(may, wanted []keyring.Use) keyring.Use {
	for _, u := range orVerify(wanted) {
		if slices.Contains(may, u) {
			return u
		}
	}
	return 0
}

// Unwanted says that a key serves other uses than those that are wanted.
func Unwanted(may, wanted []keyring.Use) string {
	return "it is there to " + names(may) + "; wanted is what may " + names(orVerify(wanted))
}

func orVerify(wanted []keyring.Use) []keyring.Use {
	if len(wanted) == 0 {
		return []keyring.Use{keyring.UseVerify}
	}
	return wanted
}

func names(uses []keyring.Use) string {
	list := make([]string, len(uses))
	for i, u := range uses {
		list[i] = u.String()
	}
	return strings.Join(list, " or ")
}
