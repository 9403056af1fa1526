package provision

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/grant"
	"github.com/issuant/issuant/internal/strictjson"
)

// Grant is the permission to build one wallet payload. engine.Granter makes it of a
// decision, OpenGrant of what SignGrant wrote; there is no third way. Copies are one
// grant, the zero Grant permits nothing.
type Grant = grant.Grant

// Wallet is a kind of wallet, as token.requestor of event/v1 names it.
type Wallet string

// The wallets that grants are made for.
const (
	ApplePay   Wallet = grant.ApplePay
	GooglePay  Wallet = grant.GooglePay
	SamsungPay Wallet = grant.SamsungPay
)

// GrantType is the typ of a signed grant's header, and GrantScheme the scheme of keys
// that sign nothing else (keyring.Key.Scheme); a key whose scheme is "" will do.
const (
	GrantType   = "issuant-grant+jws"
	GrantScheme = "issuant-grant"
)

const grantFormat = 1

// SignGrant writes a grant for another process: a compact JWS (RFC 7515) with alg, kid
// and typ, and a payload that OpenGrant alone reads. From then on the grant is spent in
// this process: it lives in the text. The text is worth a payload, though only for the
// card, device and so on that it is bound to: hand it to whoever asked, and log it not.
//
// The audience names the place that builds, 1 to 256 characters of printable ASCII
// without blanks and quotation marks; places that do not share a memory of spent grants
// have names that differ. key has UseSign and is Ed25519 (EdDSA), on P-256, P-384 or
// P-521 (ES256, ES384, ES512) or RSA (PS256 unless Alg says another): no shared secret,
// since who builds payloads must not be able to make grants.
//
// Errors are ErrNoGrant, ErrGrantSpent, ErrGrantTime, ErrGrantKey, and what the key's
// device returns.
func SignGrant(g *Grant, key *keyring.Key, audience string, now time.Time) (string, error) {
	claims, ok := grant.Of(g)
	if !ok {
		return "", ErrNoGrant
	}
	alg, err := signingAlg(key, audience, now)
	if err != nil {
		return "", err
	}
	if err := inTime(&claims, now); err != nil {
		return "", err
	}
	signer, err := key.Signer()
	if err != nil {
		return "", code.Wrap(ErrGrantKey, "it does not sign")
	}
	header := jose.Header{jose.Here("alg"), jose.Text("kid", key.ID), jose.Text("typ", GrantType)}
	token, err := jose.Sign(alg, signer, header, encodeGrant(&claims, audience))
	if err != nil {
		return "", err
	}
	if !grant.Take(g) { // after signing: a device that fails spends nothing
		return "", ErrGrantSpent
	}
	return token, nil
}

func signingAlg(key *keyring.Key, audience string, now time.Time) (string, error) {
	switch {
	case key == nil:
		return "", code.Wrap(ErrGrantKey, "it is missing")
	case !grant.Text(audience):
		return "", code.Wrap(ErrGrantKey, "the audience is not 1 to 256 printable characters without blanks and quotation marks")
	}
	public := key.Public
	if public == nil {
		public = key.Private.Public()
	}
	alg := grantAlg(key.Alg, public)
	if alg == "" {
		return "", code.Wrap(ErrGrantKey, "it is no key pair of a kind that signs grants")
	}
	if why := key.Usable(keyring.UseSign, alg, GrantScheme, now); why != "" {
		return "", code.Wrap(ErrGrantKey, why)
	}
	return alg, nil
}

// grantAlg returns the one algorithm that a key signs grants with: what the key says,
// else what its kind says. A token never says it.
func grantAlg(alg string, public crypto.PublicKey) string {
	own := ""
	switch public := public.(type) {
	case ed25519.PublicKey:
		own = jose.EdDSA
	case *ecdsa.PublicKey:
		if public == nil || public.Curve == nil {
			return ""
		}
		own = map[string]string{"P-256": jose.ES256, "P-384": jose.ES384, "P-521": jose.ES512}[public.Params().Name]
	case *rsa.PublicKey:
		own = jose.PS256
		if strings.HasPrefix(alg, "PS") || strings.HasPrefix(alg, "RS") && alg != "RSA-OAEP" {
			own = alg
		}
	}
	if alg != "" && alg != own {
		return ""
	}
	return own
}

// encodeGrant writes the one text of a grant.
func encodeGrant(c *grant.Claims, audience string) []byte {
	w := canon.NewWriter(make([]byte, 0, 768)).Object().Key("format").Int(grantFormat).Key("aud").String(audience)
	w.Key("id").String(c.ID).Key("iat").Int(c.IssuedAt.Unix()).Key("exp").Int(c.Expires.Unix())
	w.Key("decision_id").String(c.DecisionID).Key("card_ref").String(c.CardRef).Key("network").String(c.Network).Key("wallet").String(c.Wallet)
	w.Key("account").StringOrNull(c.Account).Key("device").StringOrNull(c.Device).Key("nonce").StringOrNull(c.Nonce)
	return w.Key("method").StringOrNull(c.Method).EndObject().Bytes()
}

// OpenGrant reads what SignGrant wrote for this audience: keys finds the public key by
// its id, and its use is UseVerify. Errors are ErrNoGrant (the text is no grant: its
// shape, typ or members), ErrGrantForged (an unknown, refused or outdated key, another
// algorithm than that key's, a signature that does not match, another audience) and
// ErrGrantTime (expired; or issued more than GrantSkew later than now). A text can be
// opened often, its grant used once: Ports.Spent sees to that.
func OpenGrant(token string, keys keyring.Lookup, audience string, now time.Time) (*Grant, error) {
	if keys == nil || !grant.Text(audience) {
		return nil, code.Wrap(ErrOptions, "keys or audience are missing")
	}
	if len(token) > MaxGrantBytes {
		return nil, code.Wrap(ErrNoGrant, "the text is longer than 4096 bytes")
	}
	j, err := jose.Parse(token)
	switch {
	case err != nil:
		return nil, code.Wrap(ErrNoGrant, "the text is no compact JWS")
	case j.Type != GrantType:
		return nil, code.Wrap(ErrNoGrant, "the text is signed for another purpose")
	}
	payload, err := verifyGrant(&j, keys, now)
	if err != nil {
		return nil, err
	}
	claims, err := decodeGrant(payload, audience)
	if err != nil {
		return nil, err
	}
	g, err := grant.New(*claims)
	if err != nil {
		return nil, code.Wrap(ErrNoGrant, "its members are not those of a grant")
	}
	if err := inTime(claims, now); err != nil {
		return nil, err
	}
	return g, nil
}

func verifyGrant(j *jose.JWS, keys keyring.Lookup, now time.Time) ([]byte, error) {
	key, ok := keys.Lookup(j.KeyID)
	if !ok || key == nil {
		return nil, code.Wrap(ErrGrantForged, "no key of the named id")
	}
	alg := grantAlg(key.Alg, key.Public)
	if alg == "" {
		return nil, code.Wrap(ErrGrantForged, "the named key is of a kind that signs no grants")
	}
	if why := key.Usable(keyring.UseVerify, alg, GrantScheme, now); why != "" {
		return nil, code.Wrap(ErrGrantForged, "the named key must not be used: "+why)
	}
	payload, err := j.Verify(alg, key.Public)
	if err != nil {
		return nil, code.Wrap(ErrGrantForged, "the signature does not match the named key and its algorithm")
	}
	return payload, nil
}

// decodeGrant reads a payload. One text for one grant: what is made again of its parts
// is what was signed.
func decodeGrant(payload []byte, audience string) (*grant.Claims, error) {
	doc, err := strictjson.Read(payload, strictjson.Limits{MaxBytes: MaxGrantBytes, MaxDepth: 2, MaxValues: 32})
	if err != nil {
		return nil, code.Wrap(ErrNoGrant, "its payload is not strict JSON")
	}
	defer doc.Release()
	root := doc.Root()
	text := func(name string) string {
		if m, ok := root.Get(name); ok && m.Kind() == strictjson.String {
			return m.Str()
		}
		return ""
	}
	number := func(name string) int64 {
		m, _ := root.Get(name)
		n, _ := m.Int64()
		return n
	}
	if n := number("format"); n != grantFormat {
		return nil, code.Wrap(ErrNoGrant, fmt.Sprintf("its format is %d, not %d; use a newer program", n, grantFormat))
	}
	c := &grant.Claims{
		ID: text("id"), DecisionID: text("decision_id"), CardRef: text("card_ref"), Network: text("network"), Wallet: text("wallet"),
		Account: text("account"), Device: text("device"), Nonce: text("nonce"), Method: text("method"),
		IssuedAt: time.Unix(number("iat"), 0).UTC(), Expires: time.Unix(number("exp"), 0).UTC(),
	}
	if aud := text("aud"); !bytes.Equal(encodeGrant(c, aud), payload) {
		return nil, code.Wrap(ErrNoGrant, "its payload is not in the one form of a grant")
	} else if aud != audience {
		return nil, code.Wrap(ErrGrantForged, "it is made for another place")
	}
	return c, nil
}

// inTime refuses a grant that is not good at now. What is over is over: the skew is for
// the clock of whoever made it being ahead, and lengthens nothing.
func inTime(c *grant.Claims, now time.Time) error {
	if now.Before(c.IssuedAt.Add(-GrantSkew)) {
		return code.Wrap(ErrGrantTime, "it was issued later than now; compare the clocks")
	}
	if !now.Before(c.Expires) {
		return code.Wrap(ErrGrantTime, "it has expired; decide again")
	}
	return nil
}
