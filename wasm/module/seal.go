//go:build !issuant_verify && !issuant_decide

package module

import (
	"strings"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/wasm/abi"
)

// sealing is whom a ring seals to.
type sealing struct{ to *seal.Recipients }

// ErrRecipients is a ring without the member recipients.
var ErrRecipients = code.New(code.Config, "module: the ring has no recipients to seal to")

// readRecipients reads public keys of age.
func (s *sealing) readRecipients(o *object) {
	list := o.texts("recipients")
	if o.err != nil || list == nil {
		return
	}
	if len(list) > seal.MaxKeys {
		o.fail("recipients", "has more than 16 keys")
		return
	}
	s.to, o.err = seal.ParseRecipients([]byte(strings.Join(list, "\n")))
}

var sealLimits = strictjson.Limits{MaxBytes: abi.MaxTray, MaxDepth: 3, MaxValues: 256}

func (m *instance) seal(c *call) error {
	if err := m.need(full); err != nil {
		return err
	}
	r, err := m.ring(c.first)
	if err != nil {
		return err
	}
	if r.to == nil {
		return ErrRecipients
	}
	o, err := m.whole(c.in, sealLimits)
	if err != nil {
		return err
	}
	o.only("plain_b64", "document_b64", "pointers")
	pointers := o.texts("pointers")
	if len(pointers) == 0 {
		return m.sealText(r, o)
	}
	document := o.bytes(nil, "document_b64")
	if o.err != nil {
		return o.err
	}
	defer clear(document)
	if err := m.ready(); err != nil {
		return err
	}
	sealed, err := seal.SealMembers(document, r.to, pointers...)
	if err != nil {
		return err
	}
	m.write(func(w *canon.Writer) { w.Object().Key("document_b64").String(base64Of(sealed)).EndObject() })
	return nil
}

func (m *instance) sealText(r *ring, o *object) error {
	plain := o.bytes(nil, "plain_b64")
	if o.err != nil {
		return o.err
	}
	defer clear(plain)
	if err := m.ready(); err != nil {
		return err
	}
	sealed, err := seal.Seal(r.to, plain)
	if err != nil {
		return err
	}
	m.write(func(w *canon.Writer) { w.Object().Key("sealed").String(sealed).EndObject() })
	return nil
}
