package card

import "time"

// Builder builds what a wallet carries to one network's token service. It is how an
// issuer adds a network whose format is not public: whoever holds its specification
// implements UnsafeBuild. An implementation is safe for concurrent use, returns nothing but
// nil beside an error, and keeps neither card nor wallet. The method is Unsafe because
// it asks for no decision: package provision calls it for a Grant alone.
type Builder interface {
	UnsafeBuild(c *Card, w *Wallet, now time.Time) ([]byte, error)
}

// BuilderFunc makes a Builder of a function.
type BuilderFunc func(c *Card, w *Wallet, now time.Time) ([]byte, error)

// UnsafeBuild calls f.
func (f BuilderFunc) UnsafeBuild(c *Card, w *Wallet, now time.Time) ([]byte, error) {
	return f(c, w, now)
}

// Networks is a builder for each network that an issuer offers.
type Networks map[Network]Builder

// Formats names what the network's builder makes, for a record: what the builder's own
// method Formats() []string says, or the network's name and "-private".
func (n Networks) Formats(network Network) []string {
	switch b := n[network].(type) {
	case nil:
		return nil
	case interface{ Formats() []string }:
		return b.Formats()
	}
	return []string{string(network) + "-private"}
}

// UnsafeBuild lets the network's builder work; a network that has none is a *FieldError
// around ErrNetwork.
func (n Networks) UnsafeBuild(network Network, c *Card, w *Wallet, now time.Time) ([]byte, error) {
	b, ok := n[network]
	if !ok || b == nil {
		return nil, NewFieldError(ErrNetwork, "network", "no builder is configured for it")
	}
	payload, err := b.UnsafeBuild(c, w, now)
	if err != nil {
		return nil, err // whatever else a builder returned
	}
	return payload, nil
}
