package source

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/strictjson"
)

// ParseJWKS reads a JWK set (RFC 7517) of keys that check signatures. Read are kty
// (RSA, EC with P-256, P-384 or P-521, OKP with Ed25519, oct of at least 16 bytes),
// kid, use (sig), key_ops (with verify), alg, and as members of our own nbf and exp
// (Unix seconds; the key is valid from nbf and before exp), scheme, and of the set
// format (1, the version of files that we write). Other members are ignored. A key
// of another kind, for another use, weak, or with private members is kept with its
// Refused set and a warning; a key without a kid is left out with a warning, since no
// message can name it; a kid that occurs twice is an error.
//
// The keys have Use UseVerify. At most 1 MiB and 256 keys; a set without any is an
// error. Errors are *Error.
//
// Parse with other uses in its Options reads the same with private members d, and of
// RSA p and q (what else is there is computed anew), and use enc.
func ParseJWKS(data []byte) (keys []keyring.Key, warnings []string, err error) {
	v, err := parse(data)
	if err != nil {
		return nil, nil, err
	}
	return readJWKS(data, v, &Options{})
}

// documentFormat is what the member "format" of a set may say; sets of others have none.
const documentFormat = 1

func readJWKS(data []byte, v strictjson.Value, opt *Options) ([]keyring.Key, []string, error) {
	if f, ok := v.Get("format"); ok {
		if n, ok := f.Int64(); !ok || n != documentFormat {
			return nil, nil, at(data, f.Off, "format is not 1, which is all that this release reads")
		}
	}
	list, ok := v.Get("keys")
	if !ok {
		return nil, nil, &Error{Msg: `has no member "keys"`}
	}
	if list.Kind != strictjson.Array {
		return nil, nil, at(data, list.Off, `"keys" is not an array`)
	}
	if len(list.Items) > MaxKeys {
		return nil, nil, at(data, list.Off, "more than 256 keys")
	}
	var c collector
	seen := map[string]bool{}
	for i, item := range list.Items {
		kid, ok := item.Get("kid")
		if !ok || kid.Kind != strictjson.String || kid.Str == "" || len(kid.Str) > keyring.MaxIDBytes {
			c.leaveOut("key %d has no kid of 1 to %d bytes; it is left out", i+1, keyring.MaxIDBytes)
			continue
		}
		if seen[kid.Str] {
			return nil, nil, at(data, kid.Off, fmt.Sprintf("kid %s occurs twice", quoteID(kid.Str)))
		}
		seen[kid.Str] = true
		c.add(readJWK(kid.Str, item, opt))
	}
	return c.done()
}

// jwk reads the members of one key and remembers the first that is wrong.
type jwk struct {
	members strictjson.Value
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

func readJWK(id string, v strictjson.Value, opt *Options) keyring.Key {
	j := jwk{members: v}
	k := keyring.Key{ID: id, Alg: j.text("alg"), Scheme: j.text("scheme")}
	j.policy(&k)
	var private any
	switch kty := j.text("kty"); kty {
	case "RSA":
		k.Public, private = j.rsa(), j.half(opt, "d", "p", "q", "dp", "dq", "qi", "oth")
	case "EC":
		k.Public, private = j.ec(), j.half(opt, "d")
	case "OKP":
		k.Public, private = j.okp(), j.half(opt, "d")
	case "oct":
		k.Secret = j.oct()
	case "":
		j.fail("kty is missing")
	default:
		j.fail("kty is not RSA, EC, OKP or oct")
	}
	if private != nil && j.wrong == "" {
		j.pair(&k)
	}
	j.use(&k, opt)
	if k.Refused = j.wrong; k.Refused != "" {
		k.Public, k.Private, k.Secret = nil, keyring.Private{}, secret.Bytes{}
	}
	return k
}

// policy reads when the key is valid.
func (j *jwk) policy(k *keyring.Key) {
	if bad := j.members.MisCased("kty", "kid", "use", "key_ops", "alg", "nbf", "exp", "scheme", "n", "e", "crv", "x", "y", "d", "k"); bad != "" {
		j.fail("a known member is written in another case")
	}
	if t, ok := j.date("nbf"); ok {
		k.NotBefore = t
	}
	if t, ok := j.date("exp"); ok {
		// exp is the first instant that is too late, NotAfter the last that is not.
		k.NotAfter = t.Add(-1)
	}
}

// opsOf are the uses that the values of key_ops stand for (RFC 7517 section 4.3).
var opsOf = map[string]keyring.Use{
	"verify": keyring.UseVerify, "sign": keyring.UseSign,
	"encrypt": keyring.UseEncrypt, "wrapKey": keyring.UseEncrypt,
	"decrypt": keyring.UseDecrypt, "unwrapKey": keyring.UseDecrypt, "deriveKey": keyring.UseDecrypt, "deriveBits": keyring.UseDecrypt,
}

// use gives the key the first wanted use that it may serve, by its halves, its
// members use and key_ops, and its algorithm where those say nothing.
func (j *jwk) use(k *keyring.Key, opt *Options) {
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
	if k.Use = opt.useOf(may); k.Use == 0 && j.wrong == "" {
		j.fail(unwanted(may, opt.uses()))
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
func (j *jwk) half(opt *Options, names ...string) any {
	for _, name := range names {
		if _, ok := j.members.Get(name); ok {
			if !opt.private() {
				j.fail("holds private key material, which does not belong into a file of public keys")
			}
			return name
		}
	}
	return nil
}

// pair reads the private half of a key whose public half has been read.
func (j *jwk) pair(k *keyring.Key) {
	d := j.bytes("d")
	defer clear(d)
	var private any
	var err error
	switch pub := k.Public.(type) {
	case *rsa.PublicKey:
		private, err = j.rsaPair(pub, d)
	case *ecdsa.PublicKey:
		private, err = ecdsa.ParseRawPrivateKey(pub.Curve, d)
	case ed25519.PublicKey:
		if len(d) != ed25519.SeedSize {
			j.fail("d is not 32 bytes")
			return
		}
		private = ed25519.NewKeyFromSeed(d)
	}
	if j.wrong != "" {
		return
	}
	if err == nil {
		k.Private, err = keyring.NewPrivate(private)
	}
	if err != nil {
		j.fail("the private members are no private key")
		return
	}
	if eq, ok := k.Private.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !eq.Equal(k.Public) {
		j.fail("the private and the public members are no pair")
	}
}

// rsaPair takes d and the two primes, and computes the rest anew.
func (j *jwk) rsaPair(pub *rsa.PublicKey, d []byte) (*rsa.PrivateKey, error) {
	if _, ok := j.members.Get("oth"); ok {
		j.fail("has more than two primes")
		return nil, nil
	}
	p, q := j.bytes("p"), j.bytes("q")
	defer clear(p)
	defer clear(q)
	if j.wrong != "" {
		return nil, nil
	}
	n := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	key := &rsa.PrivateKey{PublicKey: *pub, D: n(d), Primes: []*big.Int{n(p), n(q)}}
	if err := key.Validate(); err != nil {
		return nil, err
	}
	key.Precompute()
	return key, nil
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

func (j *jwk) ec() crypto.PublicKey {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve := curves[j.text("crv")]
	if curve == nil {
		j.fail("crv is not P-256, P-384 or P-521")
		return nil
	}
	x, y := j.bytes("x"), j.bytes("y")
	if size := (curve.Params().BitSize + 7) / 8; len(x) != size || len(y) != size {
		j.fail("x or y is not as long as the curve demands")
		return nil
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		j.fail("point is not on the curve")
		return nil
	}
	return pub
}

func (j *jwk) okp() crypto.PublicKey {
	if j.text("crv") != "Ed25519" {
		j.fail("crv is not Ed25519")
		return nil
	}
	x := j.bytes("x")
	if len(x) != ed25519.PublicKeySize {
		j.fail("x is not 32 bytes")
		return nil
	}
	return ed25519.PublicKey(x)
}

func (j *jwk) oct() secret.Bytes {
	b := j.bytes("k")
	defer clear(b)
	if least := keyring.MinSecret(j.text("scheme")); len(b) < least {
		j.fail(fmt.Sprintf("%v: secret of fewer than %d bytes", keyring.ErrWeakKey, least))
		return secret.Bytes{}
	}
	return secret.NewBytes(b)
}
