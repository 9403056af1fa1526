package keyfile

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/bits"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
)

// Kind is a kind of key that can be made: its uses, the usual one first, with the
// algorithm that a key of that use gets when none is named.
type Kind struct {
	Name string
	Uses []keyring.Use
	Algs map[keyring.Use]string
	make func() (keyring.Key, error)
}

// Kinds are all of them, in the order in which help names them.
var Kinds = []Kind{
	pairKind("ed25519", "EdDSA", "", func() (any, error) { _, key, err := ed25519.GenerateKey(rand.Reader); return key, err }),
	pairKind("ec-p-256", "ES256", "ECDH-ES", func() (any, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }),
	pairKind("ec-p-384", "ES384", "ECDH-ES", func() (any, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) }),
	pairKind("ec-p-521", "ES512", "ECDH-ES", func() (any, error) { return ecdsa.GenerateKey(elliptic.P521(), rand.Reader) }),
	rsaKind(2048), rsaKind(3072), rsaKind(4096),
	secretKind("hmac-256", 32, keyring.UseVerify, keyring.UseSign, "HS256"),
	secretKind("hmac-384", 48, keyring.UseVerify, keyring.UseSign, "HS384"),
	secretKind("hmac-512", 64, keyring.UseVerify, keyring.UseSign, "HS512"),
	secretKind("aes-128", 16, keyring.UseEncrypt, keyring.UseDecrypt, "A128GCMKW"),
	secretKind("aes-192", 24, keyring.UseEncrypt, keyring.UseDecrypt, "A192GCMKW"),
	secretKind("aes-256", 32, keyring.UseEncrypt, keyring.UseDecrypt, "A256GCMKW"),
	secretKind("tdes-2", 16, keyring.UseEncrypt, keyring.UseDecrypt, keyring.AlgTDES),
	secretKind("tdes-3", 24, keyring.UseEncrypt, keyring.UseDecrypt, keyring.AlgTDES),
}

// KindNamed returns the kind of that name, nil when there is none.
func KindNamed(name string) *Kind {
	for i := range Kinds {
		if Kinds[i].Name == name {
			return &Kinds[i]
		}
	}
	return nil
}

// New makes key material from the system's randomness; id, use and dates are for the
// caller to set.
func (k *Kind) New() (keyring.Key, error) { return k.make() }

// Like returns the kind that another key of that algorithm and material would be.
func Like(k *keyring.Key) (*Kind, error) {
	name := k.Kind()
	if n := k.Secret.Len(); n > 0 && k.Alg != keyring.AlgTDES {
		name = fmt.Sprintf("hmac-%d", n*8)
		if k.Use == keyring.UseEncrypt || k.Use == keyring.UseDecrypt {
			name = fmt.Sprintf("aes-%d", n*8)
		}
		return &Kind{Name: name, make: newSecret(n, false)}, nil
	}
	if kind := KindNamed(name); kind != nil {
		return kind, nil
	}
	return nil, fmt.Errorf("a key of kind %s is not made here", name)
}

func pairKind(name, sign, decrypt string, key func() (any, error)) Kind {
	k := Kind{Name: name, Uses: []keyring.Use{keyring.UseSign}, Algs: map[keyring.Use]string{keyring.UseSign: sign}}
	if decrypt != "" {
		k.Uses = append(k.Uses, keyring.UseDecrypt)
		k.Algs[keyring.UseDecrypt] = decrypt
	}
	k.make = func() (keyring.Key, error) {
		made, err := key()
		if err != nil {
			return keyring.Key{}, err
		}
		p, err := keyring.NewPrivate(made)
		return keyring.Key{Private: p}, err
	}
	return k
}

func rsaKind(n int) Kind {
	return pairKind(fmt.Sprintf("rsa-%d", n), "PS256", "RSA-OAEP-256", func() (any, error) { return rsa.GenerateKey(rand.Reader, n) })
}

func secretKind(name string, n int, use, other keyring.Use, alg string) Kind {
	return Kind{Name: name, Uses: []keyring.Use{use, other}, Algs: map[keyring.Use]string{use: alg, other: alg}, make: newSecret(n, alg == keyring.AlgTDES)}
}

// newSecret makes n random bytes; those of DES get odd parity, which some devices
// check.
func newSecret(n int, parity bool) func() (keyring.Key, error) {
	return func() (keyring.Key, error) {
		b := make([]byte, n)
		defer clear(b)
		if _, err := rand.Read(b); err != nil {
			return keyring.Key{}, err
		}
		if parity {
			for i := range b {
				b[i] = b[i]&^1 | byte(1-bits.OnesCount8(b[i]&^1)&1)
			}
		}
		return keyring.Key{Secret: secret.NewBytes(b)}, nil
	}
}
