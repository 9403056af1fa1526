package wallets

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/profile"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/filemode"
	"github.com/issuant/issuant/internal/strictyaml"
)

func (f *file) apple(n *yaml.Node) {
	var roots []string
	chain := applepay.ChainOptions{}
	o := applepay.Options{Networks: map[card.Network]applepay.Network{}, Nonces: f.opt.Nonces, UnsafeNoNonceMemory: f.opt.Nonces == nil}
	sandbox := false
	fields := strictyaml.Fields{
		"roots": f.Texts(&roots), "intermediates": f.Texts(&chain.TrustedIntermediates), "unsafe_sandbox": f.Bool(&sandbox),
		"unsafe_any_time": f.Bool(&chain.UnsafeAnyTime), "nonce_ttl": f.Duration(&o.NonceTTL),
	}
	for _, network := range []card.Network{card.Visa, card.Mastercard, card.Amex, card.Discover} {
		fields[string(network)] = func(v *yaml.Node) { o.Networks[network] = f.appleNetwork(v, network) }
	}
	f.Mapping(n, "apple: ", fields)
	if len(roots) == 0 {
		f.Fail(n, "apple: wants roots: the file of Apple's root certificate; none is built in")
	}
	if sandbox {
		chain.UnsafeLeafSuffixes = []string{"-SANDBOX"}
	}
	if !f.good() {
		return
	}
	if o.Nonces == nil {
		o.NonceTTL = 0
	}
	for _, path := range roots {
		der, err := f.certificate(path)
		if err != nil {
			f.wrong(n, err)
			return
		}
		chain.Roots = append(chain.Roots, der)
	}
	var err error
	if o.Chain, err = applepay.NewChain(chain); err == nil {
		f.out.Apple, err = applepay.New(o)
	}
	f.wrong(n, err)
}

func (f *file) certificate(path string) ([]byte, error) {
	f.out.Files = append(f.out.Files, f.at(path))
	if err := filemode.CheckTrusted(f.at(path), true); err != nil {
		return nil, err
	}
	data, err := filemode.ReadSmall(f.at(path))
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(data); block != nil {
		data = block.Bytes
	}
	return applepay.DecodeCertificate(data)
}

var forms = map[string]applepay.Form{"plain": applepay.PlainPAN, "unverified-encrypted": applepay.UnverifiedEncryptedPAN}

func (f *file) appleNetwork(n *yaml.Node, network card.Network) (o applepay.Network) {
	form, prefix, product := "", "", ""
	f.Mapping(n, string(network)+": ", strictyaml.Fields{
		"form": f.Text(&form), "network_name": f.Text(&o.NetworkName), "prefix_digits": f.Text(&prefix),
		"product_type": f.Text(&product), "version": f.Text(&o.Version),
		"activation": func(v *yaml.Node) { o.Activation = f.activation(v, network) },
	})
	o.ProductType = applepay.ProductType(product)
	if prefix != "" {
		digits, err := strconv.Atoi(prefix)
		if err != nil {
			f.Fail(n, "%s: prefix_digits is not a number", network)
		}
		o.PrefixDigits = digits
	}
	if o.Form = forms[form]; o.Form == 0 {
		f.Fail(n, "%s: form is neither plain nor unverified-encrypted; which one is agreed with Apple and the network", network)
	}
	if o.Activation == nil && f.good() {
		f.Fail(n, "%s: wants activation: tav, mbpac, profile or unsafe_static", network)
	}
	return o
}

// activation reads what makes activation data; nil when something is wrong.
func (f *file) activation(n *yaml.Node, network card.Network) (a applepay.Activator) {
	var err error
	switch {
	case hasName(n, "profile"):
		name, pan, unverified := "", "", false
		f.Mapping(n, "activation: ", strictyaml.Fields{"profile": f.Text(&name), "pan_profile": f.Text(&pan), "unverified": f.Bool(&unverified)})
		if !f.good() {
			return nil
		}
		d := &describedActivation{format: f.format(n, name, unverified)}
		if pan != "" {
			d.pan = f.format(n, pan, unverified)
		}
		if !f.good() {
			return nil
		}
		return d
	case hasName(n, "unsafe_static"):
		text := ""
		f.Mapping(n, "activation: ", strictyaml.Fields{"unsafe_static": f.Text(&text)})
		return applepay.UnsafeStatic([]byte(text))
	case network == card.Mastercard:
		a, err = f.mastercardActivation(n)
	case network == card.Visa:
		a, err = f.visaActivation(n)
	default:
		f.Fail(n, "activation: wants profile: the format is not public")
		return nil
	}
	f.wrong(n, err)
	if !f.good() {
		return nil
	}
	return a
}

var nestings = map[string]applepay.Nesting{"unverified-object": applepay.UnverifiedNestObject, "unverified-base64": applepay.UnverifiedNestBase64}

func (f *file) mastercardActivation(n *yaml.Node) (applepay.Activator, error) {
	o := applepay.MastercardOptions{}
	nesting := ""
	f.Mapping(n, "activation: ", strictyaml.Fields{
		"tav": func(v *yaml.Node) { o.TAV = f.tav(v) },
		"encrypted_pan": func(v *yaml.Node) {
			none := false
			o.EncryptedPAN = f.mastercard(v, &none, false)
		},
		"nesting": f.Text(&nesting),
	})
	if o.Nesting = nestings[nesting]; nesting != "" && o.Nesting == 0 {
		f.Fail(n, "activation: nesting is neither unverified-object nor unverified-base64")
	}
	if !f.good() {
		return nil, nil
	}
	return applepay.Mastercard(o)
}

func (f *file) visaActivation(n *yaml.Node) (applepay.Activator, error) {
	o := applepay.VisaOptions{}
	var err error
	make := func(do func(visa.MBPOptions) error) func(*yaml.Node) {
		return func(v *yaml.Node) {
			if m, ok := f.mbp(v); ok && err == nil {
				err = do(m)
			}
		}
	}
	f.Mapping(n, "activation: ", strictyaml.Fields{
		"mbpac": make(func(m visa.MBPOptions) (err error) { o.MBPAC, err = visa.NewUnverifiedMBPAC(m); return err }),
		"mbpad": make(func(m visa.MBPOptions) (err error) { o.MBPAD, err = visa.NewUnverifiedMBPAD(m); return err }),
	})
	if err != nil || !f.good() {
		return nil, err
	}
	return applepay.Visa(o)
}

func (f *file) mbp(n *yaml.Node) (o visa.MBPOptions, ok bool) {
	key, layout := "", ""
	f.Mapping(n, "mbpac: ", strictyaml.Fields{"key": f.Text(&key), "key_set": f.Text(&o.KeySetID), "layout": f.Text(&layout)})
	if layout != "unverified-vdsp" {
		f.Fail(n, "layout is not unverified-vdsp, the one layout that is known here and that nobody has confirmed; another one stands in a profile")
	}
	if !f.good() {
		return o, false
	}
	o.Key, o.Layout = f.key(n, key, keyring.UseEncrypt, keyring.AlgTDES), visa.UnverifiedVDSP()
	return o, o.Key != nil
}

// describedActivation makes activation data from profiles.
type describedActivation struct {
	format, pan *profile.Format
}

// authCodes are the characters that an authentication code is drawn from, and how many.
const (
	authCodes    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	authCodeSize = 6
)

// Activate implements applepay.Activator.
func (d *describedActivation) Activate(_ context.Context, in *applepay.ActivationInput) (*applepay.Activation, error) {
	from := profile.Inputs{Card: in.Card, Nonce: in.Nonce, AuthCode: in.AuthCode, TokenRef: in.TokenRef}
	needs := d.format.Needs("auth_code")
	if needs && from.AuthCode.Reveal() == "" {
		from.AuthCode = drawAuthCode()
	}
	data, err := d.format.UnsafeBuild(from, in.Now)
	if err != nil {
		return nil, err
	}
	a := &applepay.Activation{Data: data, ValidUntil: d.expires(in.Now)}
	if needs {
		a.AuthCode = from.AuthCode
	}
	if !in.EncryptPAN {
		return a, nil
	}
	if d.pan == nil {
		return nil, card.NewFieldError(card.ErrNetwork, "encryptedPrimaryAccountNumber", "pan_profile is missing")
	}
	pan, err := d.pan.UnsafeBuild(from, in.Now)
	if err != nil {
		return nil, err
	}
	if !json.Valid(pan) { // a text then, in Base64 as other texts stand there
		pan = []byte(`"` + base64.StdEncoding.EncodeToString(pan) + `"`)
	}
	a.EncryptedPAN = pan
	return a, nil
}

// Formats implements applepay.Activator.
func (d *describedActivation) Formats(encryptPAN bool) []string {
	names := []string{d.format.Name()}
	if encryptPAN && d.pan != nil {
		names = append(names, d.pan.Name())
	}
	return names
}

func (d *describedActivation) expires(now time.Time) time.Time {
	if !d.format.Dated() {
		return time.Time{}
	}
	return d.format.Expires(now)
}

func drawAuthCode() secret.Text {
	b := make([]byte, authCodeSize)
	for i := range b {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(authCodes))))
		if err != nil {
			panic(err) // the system's source never fails
		}
		b[i] = authCodes[n.Int64()]
	}
	return secret.NewText(b)
}
