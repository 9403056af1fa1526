//go:build !issuant_verify && !issuant_decide

package module

import (
	"context"
	"crypto/rsa"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/googlepay"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/samsungpay"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/wasm/abi"
)

// ErrNoWallets is a ring that builds no payloads.
var ErrNoWallets = code.New(code.Config, "module: the ring's member provision sets up nothing for this wallet")

// wallets are what a ring builds payloads with.
type wallets struct {
	audience string // of grants
	google   *googlepay.Pay
	samsung  *samsungpay.Pay
	spent    *provision.Memory
}

// readProvision reads the networks of the ring's member provision, for both wallets.
func (r *ring) readProvision(o *object) {
	o.only("audience", "google_pay", "samsung_pay")
	w := &wallets{audience: o.text("audience", true)}
	var g googlepay.Options
	if in := o.object("google_pay", false, "visa", "mastercard"); in != nil {
		g.Visa, g.VisaRequestorID = r.readVisa(in)
		g.Mastercard = r.readMastercard(in)
		if o.take(in); o.err == nil {
			w.google, o.err = googlepay.New(g)
		}
	}
	var s samsungpay.Options
	if in := o.object("samsung_pay", false, "visa", "mastercard"); in != nil {
		s.Visa, s.VisaRequestorID = r.readVisa(in)
		s.Mastercard = r.readMastercard(in)
		if o.take(in); o.err == nil {
			w.samsung, o.err = samsungpay.New(s)
		}
	}
	if o.err == nil {
		// What other instances have built is for the host to know.
		w.spent, o.err = provision.NewMemory(provision.MemoryOptions{UnsafeNoStart: true})
	}
	r.wallets = w
}

func (r *ring) readVisa(o *object) (*visa.Payload, string) {
	v := o.object("visa", false, "key_id", "secret_b64", "requestor_id")
	if v == nil {
		return nil, ""
	}
	id, requestor := v.text("key_id", true), v.text("requestor_id", true)
	shared := v.bytes(nil, "secret_b64")
	defer clear(shared)
	var p *visa.Payload
	if o.take(v); o.err == nil {
		var key *visa.SharedKey
		if key, o.err = visa.NewSharedKey(id, secret.NewText(shared)); o.err == nil {
			p, o.err = visa.NewPayload(visa.PayloadOptions{Key: key})
		}
	}
	return p, requestor
}

func (r *ring) readMastercard(o *object) *mastercard.Payload {
	m := o.object("mastercard", false, "key_id", "fingerprint", "tav_key_id", "unverified_tav", "tav_key_alias", "unsafe_no_tav")
	if m == nil {
		return nil
	}
	opt := mastercard.PayloadOptions{Shape: mastercard.ShapeCardInfo, UnsafeNoTAV: m.bool("unsafe_no_tav")}
	seal := mastercard.SealOptions{Fingerprint: m.text("fingerprint", true)}
	format, alias, signer := m.int("unverified_tav", 4), m.text("tav_key_alias", false), m.text("tav_key_id", false)
	if key, ok := r.keys.Lookup(m.text("key_id", true)); ok && key.Refused == "" && key.Use == keyring.UseEncrypt {
		seal.Key, _ = key.Public.(*rsa.PublicKey)
	} else {
		m.fail("key_id", "is no key of the ring that may encrypt")
	}
	if o.take(m); o.err != nil {
		return nil
	}
	if format != 0 || signer != "" {
		tav := mastercard.TAVOptions{Format: mastercard.TAVFormat(format), KeyAlias: alias}
		key, ok := r.keys.Lookup(signer)
		if !ok || key.Refused != "" || key.Use != keyring.UseSign {
			o.fail("mastercard.tav_key_id", "is no key of the ring that may sign")
			return nil
		}
		if tav.Key, o.err = key.Signer(); o.err == nil {
			opt.TAV, o.err = mastercard.NewTAV(tav)
		}
	}
	if o.err == nil {
		opt.Sealer, o.err = mastercard.NewSealer(seal)
	}
	if o.err != nil {
		return nil
	}
	p, err := mastercard.NewPayload(opt)
	o.err = err
	return p
}

var provisionLimits = strictjson.Limits{MaxBytes: abi.MaxEvent, MaxDepth: 5, MaxValues: 64}

// wanted is what issuant_provision is asked for.
type wanted struct {
	now      time.Time
	grant    *provision.Grant
	wallet   provision.Wallet
	network  card.Network
	cardRef  string
	card     *card.Card
	instance card.Wallet
}

func (m *instance) provision(c *call) error {
	if err := m.need(full); err != nil {
		return err
	}
	r, err := m.ring(c.first)
	if err != nil {
		return err
	}
	if r.wallets == nil {
		return ErrNoWallets
	}
	w, err := m.readWanted(r, c.in)
	if err != nil {
		return err
	}
	defer w.card.CVV2.Wipe()
	defer w.card.PAN.Wipe()
	if err := m.ready(); err != nil {
		return err
	}
	payload, record, err := r.build(w)
	if err != nil {
		return &notBuilt{err, record}
	}
	m.write(func(out *canon.Writer) {
		out.Object().Key("payload_b64").String(base64Of(payload)).Key("record").Append(record.AppendJSON).EndObject()
	})
	return nil
}

func (m *instance) readWanted(r *ring, in []byte) (w wanted, err error) {
	o, err := m.whole(in, provisionLimits)
	if err != nil {
		return w, err
	}
	o.only("now_ms", "grant", "wallet", "network", "card_ref", "card", "instance")
	w.now = o.now()
	token := o.text("grant", true)
	w.wallet, w.network = provision.Wallet(o.text("wallet", true)), card.Network(o.text("network", true))
	w.cardRef = o.text("card_ref", true)
	cardText := textOf(in, o.get("card", strictjson.Object, true), o.c)
	instanceText := textOf(in, o.get("instance", strictjson.Object, true), o.c)
	if o.err != nil {
		return w, o.err
	}
	// A grant is looked at before a card is.
	if w.grant, err = provision.OpenGrant(token, r.keys, r.wallets.audience, w.now); err != nil {
		return w, err
	}
	instance, err := card.ParseWallet(instanceText)
	if err != nil {
		return w, err
	}
	w.instance = *instance
	w.card, err = card.Parse(cardText)
	return w, err
}

// build builds for the grant, which is spent in this instance.
func (r *ring) build(w wanted) ([]byte, *provision.Record, error) {
	ports := provision.Ports{Cards: provision.NewCards(map[string]card.Card{w.cardRef: *w.card}), Spent: r.wallets.spent}
	switch {
	case w.wallet == provision.GooglePay && r.wallets.google != nil:
		t := googlepay.Target{Pay: r.wallets.google, Network: w.network, CardRef: w.cardRef, Wallet: w.instance}
		p, record, err := provision.Build(context.Background(), w.grant, provision.Target[*googlepay.Payload](t), ports, w.now)
		if err != nil {
			return nil, record, err
		}
		return p.OpaquePaymentCard, record, nil
	case w.wallet == provision.SamsungPay && r.wallets.samsung != nil:
		t := samsungpay.Target{Pay: r.wallets.samsung, Network: w.network, CardRef: w.cardRef, Wallet: w.instance}
		return provision.Build(context.Background(), w.grant, provision.Target[[]byte](t), ports, w.now)
	}
	return nil, nil, ErrNoWallets
}

// notBuilt is a payload that was not built, with its record.
type notBuilt struct {
	error
	record *provision.Record
}

func (n *notBuilt) Unwrap() error { return n.error }

func (n *notBuilt) appendReply(dst []byte) []byte {
	w := canon.NewWriter(dst).Object()
	writeError(w, n.error)
	w.Key("record")
	if n.record == nil {
		w.Null()
	} else {
		w.Append(n.record.AppendJSON)
	}
	return w.EndObject().Bytes()
}
