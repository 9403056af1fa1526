package source

import (
	"fmt"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/jwk"
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
		c.add(jwk.Read(kid.Str, item, opt.uses()))
	}
	return c.done()
}
