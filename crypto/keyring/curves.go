//go:build !issuant_lean

package keyring

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"fmt"
	"strings"
)

// curveKind is publicKind for keys on elliptic curves.
func curveKind(pub crypto.PublicKey) string {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		// The curves are told by name, not by comparing, which would link them all.
		if pub == nil || pub.Curve == nil {
			return ""
		}
		switch name := pub.Params().Name; name {
		case "P-256", "P-384", "P-521":
			return "ec-" + strings.ToLower(name)
		}
	case ed25519.PublicKey:
		return "ed25519"
	case *ecdh.PublicKey:
		if name, ok := pub.Curve().(fmt.Stringer); ok {
			return "ecdh-" + strings.ToLower(name.String())
		}
	}
	return ""
}

// agrees reports whether a private key is one for ECDH; agreedPublic returns its public
// half.
func agrees(key any) bool {
	_, ok := key.(ecdh.KeyExchanger)
	return ok
}

func agreedPublic(key any) crypto.PublicKey {
	if k, ok := key.(ecdh.KeyExchanger); ok {
		return k.PublicKey()
	}
	return nil
}

// KeyExchanger returns the key for ECDH; an ECDSA key in memory is turned into one.
// An error wraps ErrKind.
func (p Private) KeyExchanger() (ecdh.KeyExchanger, error) {
	switch key := p.Reveal().(type) {
	case *ecdsa.PrivateKey:
		agree, err := key.ECDH()
		if err != nil {
			return nil, fmt.Errorf("%w: its curve is not one of ECDH", ErrKind)
		}
		return exchanger{Private{func() any { return agree }}}, nil
	case ecdh.KeyExchanger:
		return exchanger{p}, nil
	}
	return nil, fmt.Errorf("%w: it does not agree on keys", ErrKind)
}

type exchanger struct{ Private }

// PublicKey implements ecdh.KeyExchanger.
func (e exchanger) PublicKey() *ecdh.PublicKey { return e.Reveal().(ecdh.KeyExchanger).PublicKey() }

// Curve implements ecdh.KeyExchanger.
func (e exchanger) Curve() ecdh.Curve { return e.Reveal().(ecdh.KeyExchanger).Curve() }

// ECDH implements ecdh.KeyExchanger.
func (e exchanger) ECDH(remote *ecdh.PublicKey) ([]byte, error) {
	return e.Reveal().(ecdh.KeyExchanger).ECDH(remote)
}
