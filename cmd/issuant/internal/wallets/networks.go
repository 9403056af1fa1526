package wallets

import (
	"crypto/rsa"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/googlepay"
	"github.com/issuant/issuant/crypto/provision/googlepay/openpgp"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/profile"
	"github.com/issuant/issuant/crypto/provision/samsungpay"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/filemode"
	"github.com/issuant/issuant/internal/strictyaml"
)

// section is what Google Pay and Samsung Pay have in common.
type section struct {
	visa       *visa.Payload
	requestor  string
	mastercard *mastercard.Payload
	base64     bool
	others     map[card.Network]card.Builder
	any        bool
}

func (f *file) fields(s *section, samsung bool) strictyaml.Fields {
	s.others = map[card.Network]card.Builder{}
	return strictyaml.Fields{
		"visa": func(n *yaml.Node) {
			s.any = true
			if b := f.described(n); b != nil {
				s.others[card.Visa] = b
			} else if f.good() {
				s.visa = f.visa(n, &s.requestor)
			}
		},
		"mastercard": func(n *yaml.Node) {
			s.any = true
			if b := f.described(n); b != nil {
				s.others[card.Mastercard] = b
			} else if f.good() {
				s.mastercard = f.mastercard(n, &s.base64, samsung)
			}
		},
		"others": func(n *yaml.Node) {
			s.any = true
			f.Each(n, "others: ", func(name, v *yaml.Node) {
				network, ok := networkName(name.Value)
				if !ok || network == card.Visa || network == card.Mastercard {
					f.Fail(name, "others: %q is neither amex nor discover", strictyaml.Clip(name.Value))
					return
				}
				if b := f.described(v); b != nil {
					s.others[network] = b
				} else {
					f.Fail(v, "others: wants profile: the name of a format profile; the format is not public")
				}
			})
		},
	}
}

// described returns the builder of {profile: NAME, unverified: true}; nil for what is
// something else.
func (f *file) described(n *yaml.Node) card.Builder {
	if n.Kind != yaml.MappingNode || !hasName(n, "profile") {
		return nil
	}
	name, requestor, unverified := "", "", false
	f.Mapping(n, "", strictyaml.Fields{"profile": f.Text(&name), "requestor": f.Text(&requestor), "unverified": f.Bool(&unverified)})
	if !f.good() {
		return nil
	}
	format := f.format(n, name, unverified)
	if format == nil {
		return nil
	}
	return requested{format, requestor}
}

// requested is a described network, with the wallet's id there.
type requested struct {
	format    *profile.Format
	requestor string
}

// Formats names what is built.
func (r requested) Formats() []string { return []string{r.format.Name()} }

// UnsafeBuild implements card.Builder.
func (r requested) UnsafeBuild(c *card.Card, w *card.Wallet, now time.Time) ([]byte, error) {
	var own card.Wallet
	if w != nil {
		own = *w
	}
	own.RequestorID = r.requestor
	return r.format.UnsafeBuild(profile.Inputs{Card: c, Wallet: &own}, now)
}

func hasName(n *yaml.Node, name string) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return true
		}
	}
	return false
}

func (f *file) google(n *yaml.Node) {
	s := &section{}
	fields := f.fields(s, false)
	fields["object"] = f.object
	f.Mapping(n, "google: ", fields)
	if !f.good() || !s.any {
		return
	}
	pay, err := googlepay.New(googlepay.Options{Visa: s.visa, VisaRequestorID: s.requestor, Mastercard: s.mastercard, Others: s.others})
	f.wrong(n, err)
	f.out.Google = pay
}

func (f *file) samsung(n *yaml.Node) {
	s := &section{}
	f.Mapping(n, "samsung: ", f.fields(s, true))
	if !f.good() {
		return
	}
	pay, err := samsungpay.New(samsungpay.Options{Visa: s.visa, VisaRequestorID: s.requestor, Mastercard: s.mastercard, MastercardBase64: s.base64, Others: s.others})
	f.wrong(n, err)
	f.out.Samsung = pay
}

var intents = map[string]visa.Intent{
	"": visa.DeviceToken, "device": visa.DeviceToken, "card-on-file": visa.CardOnFileToken,
	"unverified-cross-user": visa.UnverifiedIntentCrossUser, "unverified-cross-device": visa.UnverifiedIntentCrossDevice,
}

func (f *file) visa(n *yaml.Node, requestor *string) *visa.Payload {
	key, intent := "", ""
	var idnv *bool
	f.Mapping(n, "visa: ", strictyaml.Fields{
		"key": f.Text(&key), "requestor": f.Text(requestor), "intent": f.Text(&intent),
		"idnv": func(v *yaml.Node) { idnv = new(bool); f.Bool(idnv)(v) },
	})
	if _, ok := intents[intent]; !ok {
		f.Fail(n, "visa: intent is not device, card-on-file, unverified-cross-user or unverified-cross-device")
	}
	if !f.good() {
		return nil
	}
	k := f.key(n, key, keyring.UseEncrypt, "")
	if k == nil {
		return nil
	}
	shared, err := visa.NewSharedKey(k.ID, secret.NewText(k.Secret.Reveal()))
	if err != nil {
		f.wrong(n, err)
		return nil
	}
	p, err := visa.NewPayload(visa.PayloadOptions{Key: shared, Intent: intents[intent], IDnV: idnv})
	f.wrong(n, err)
	return p
}

var shapes = map[string]mastercard.Shape{"card-info": mastercard.ShapeCardInfo, "unverified-funding-account": mastercard.UnverifiedShapeFundingAccount}

// mastercard reads a payload's settings. An envelope's are among them.
func (f *file) mastercard(n *yaml.Node, base64 *bool, samsung bool) *mastercard.Payload {
	o, seal := mastercard.PayloadOptions{}, mastercard.SealOptions{}
	shape, key := "", ""
	fields := f.sealFields(&seal, &key)
	fields["shape"], fields["source"], fields["validity"] = f.Text(&shape), f.Text(&o.Source), f.Duration(&o.Validity)
	fields["unsafe_no_tav"] = f.Bool(&o.UnsafeNoTAV)
	fields["tav"] = func(v *yaml.Node) { o.TAV = f.tav(v) }
	if samsung {
		fields["base64"] = f.Bool(base64)
	}
	f.Mapping(n, "mastercard: ", fields)
	o.Shape = shapes[shape]
	if o.Shape == 0 {
		f.Fail(n, "mastercard: shape is neither card-info nor unverified-funding-account; which one is agreed with Mastercard")
	}
	if !f.good() {
		return nil
	}
	if o.Sealer = f.sealer(n, seal, key); o.Sealer == nil {
		return nil
	}
	p, err := mastercard.NewPayload(o)
	f.wrong(n, err)
	return p
}

func (f *file) sealFields(o *mastercard.SealOptions, key *string) strictyaml.Fields {
	return strictyaml.Fields{
		"key": f.Text(key), "fingerprint": f.Text(&o.Fingerprint),
		"oaep": func(n *yaml.Node) {
			name, _ := f.Scalar(n)
			if o.OAEP = map[string]mastercard.Hash{"sha256": mastercard.SHA256, "sha512": mastercard.SHA512}[name]; o.OAEP == "" {
				f.Fail(n, "oaep is neither sha256 nor sha512")
			}
		},
		"mode": func(n *yaml.Node) {
			name, _ := f.Scalar(n)
			if o.Mode = map[string]mastercard.Mode{"cbc": mastercard.CBC, "unverified-gcm": mastercard.UnverifiedGCM}[name]; o.Mode == "" {
				f.Fail(n, "mode is neither cbc nor unverified-gcm")
			}
		},
		"key_bits": func(n *yaml.Node) {
			name, _ := f.Scalar(n)
			if o.KeyBits = map[string]int{"128": 128, "256": 256}[name]; o.KeyBits == 0 {
				f.Fail(n, "key_bits is neither 128 nor 256")
			}
		},
	}
}

func (f *file) sealer(n *yaml.Node, o mastercard.SealOptions, key string) *mastercard.Sealer {
	k := f.key(n, key, keyring.UseEncrypt, "RSA-OAEP-256")
	if k == nil {
		return nil
	}
	o.Key, _ = k.Public.(*rsa.PublicKey)
	s, err := mastercard.NewSealer(o)
	f.wrong(n, err)
	return s
}

var tavs = map[string]mastercard.TAVFormat{"unverified-2": mastercard.UnverifiedTAV2, "unverified-3": mastercard.UnverifiedTAV3, "unverified-4": mastercard.UnverifiedTAV4}

func (f *file) tav(n *yaml.Node) *mastercard.TAV {
	version, key, alias := "", "", ""
	var validity time.Duration
	f.Mapping(n, "tav: ", strictyaml.Fields{"version": f.Text(&version), "key": f.Text(&key), "alias": f.Text(&alias), "validity": f.Duration(&validity)})
	if tavs[version] == 0 {
		f.Fail(n, "tav: version is not unverified-2, unverified-3 or unverified-4; which one is agreed with Mastercard, and none has been confirmed to us")
	}
	if !f.good() {
		return nil
	}
	k := f.key(n, key, keyring.UseSign, "RS256")
	if k == nil {
		return nil
	}
	signer, err := k.Signer()
	if err != nil {
		f.wrong(n, err)
		return nil
	}
	t, err := mastercard.NewTAV(mastercard.TAVOptions{Format: tavs[version], Key: signer, KeyAlias: alias, Validity: validity})
	f.wrong(n, err)
	return t
}

// object reads how Google's own object is made.
func (f *file) object(n *yaml.Node) {
	var sign, pass, recipients, version string
	var o googlepay.UnverifiedCardOptions
	unverified := false
	f.Mapping(n, "object: ", strictyaml.Fields{
		"unverified": f.Bool(&unverified), "sign": f.Text(&sign), "passphrase": f.Text(&pass), "recipients": f.Text(&recipients),
		"version": f.Text(&version), "version_as_text": f.Bool(&o.VersionAsText), "url_safe_base64": f.Bool(&o.URLSafeBase64),
	})
	switch {
	case !unverified:
		f.Fail(n, "object: nobody has confirmed this format; say unverified: true to build it all the same")
	case sign == "" || recipients == "":
		f.Fail(n, "object: wants sign, our OpenPGP key, and recipients, Google's")
	case version != "":
		n := 0
		for _, c := range []byte(version) {
			if c < '0' || c > '9' || len(version) > 4 {
				f.Fail(&yaml.Node{}, "object: version is not a number")
				return
			}
			n = 10*n + int(c-'0')
		}
		o.ProtocolVersion = n
	}
	if !f.good() {
		return
	}
	seal := openpgp.SealOptions{}
	var err error
	if seal.SigningKey, err = f.secretFile(sign); err == nil && pass != "" {
		var text []byte
		text, err = f.secretFile(pass)
		seal.Passphrase = secret.NewText(firstLine(text))
	}
	if err == nil {
		f.out.Files = append(f.out.Files, f.at(recipients))
		seal.Recipients, err = filemode.ReadSmall(f.at(recipients))
	}
	if err == nil {
		o.PGP, err = openpgp.NewSealer(seal, f.opt.Now)
	}
	if err == nil {
		f.out.Object, err = googlepay.NewUnverifiedCard(o)
	}
	f.wrong(n, err)
}

func (f *file) secretFile(path string) ([]byte, error) {
	f.out.Files = append(f.out.Files, f.at(path))
	return filemode.ReadSecret(f.at(path))
}

func firstLine(b []byte) []byte {
	for i, c := range b {
		if c == '\n' || c == '\r' {
			return b[:i]
		}
	}
	return b
}
