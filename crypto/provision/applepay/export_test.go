package applepay

import (
	"crypto/ecdh"
	"time"

	"github.com/issuant/issuant/internal/evecc"
)

// SealUnder makes p encrypt under one ephemeral key, as a known answer wants it.
func SealUnder(p *Pay, own *ecdh.PrivateKey) {
	p.seal = func(to *ecdh.PublicKey, plaintext []byte) (sealed, ephemeral []byte, err error) {
		return evecc.SealWith(own, to, plaintext)
	}
}

// SealText makes p encrypt another text in the place of its own.
func SealText(p *Pay, text string) {
	before := p.seal
	p.seal = func(to *ecdh.PublicKey, _ []byte) (sealed, ephemeral []byte, err error) {
		return before(to, []byte(text))
	}
}

// Cached returns how many chains are remembered.
func Cached(c *Chain) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.good)
}

// KeyOf returns the leaf's key of certificates that are good.
func KeyOf(c *Chain, certificates [][]byte, now time.Time) (*ecdh.PublicKey, error) {
	return c.key(certificates, now)
}
