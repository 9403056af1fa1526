package applepay

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"strings"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/secret"
)

// Names of encryption schemes, as the device writes them.
const (
	SchemeECC = "EV_ECC_v2"
	SchemeRSA = "EV_RSA_v2" // not offered: its parameters are not public
)

// Request is what the app passes on from the device. It prints as "[request]".
type Request struct {
	Scheme         string      // "" is SchemeECC
	Certificates   [][]byte    // DER, the leaf first: 2 or 3
	Nonce          []byte      // 1 to 64 bytes; 4 are seen
	NonceSignature []byte      // 1 to 512 bytes; 81 are seen. Opaque: an issuer cannot check it
	AuthCode       secret.Text // of the issuer, for networks whose activation data carries one; zero: drawn
}

const hiddenRequest = "[request]"

// Format writes a placeholder, whatever the verb.
func (r Request) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hiddenRequest) }

// MarshalText returns a placeholder; JSON, XML and slog use it.
func (r Request) MarshalText() ([]byte, error) { return []byte(hiddenRequest), nil }

// NonceText returns the one form in which the nonce stands in a payload, in activation
// data and in a Grant: hexadecimal digits in lower case.
func (r *Request) NonceText() string { return hex.EncodeToString(r.Nonce) }

// check looks at all but the certificates.
func (r *Request) check() error {
	switch {
	case r == nil:
		return card.NewFieldError(ErrNonce, "nonce", "the request is missing")
	case r.Scheme != "" && r.Scheme != SchemeECC:
		return ErrScheme
	}
	for _, f := range []struct {
		name  string
		value []byte
		max   int
	}{{"nonce", r.Nonce, MaxNonce}, {"nonceSignature", r.NonceSignature, MaxNonceSignature}} {
		if len(f.value) == 0 {
			return card.NewFieldError(ErrNonce, f.name, "it is missing")
		}
		if len(f.value) > f.max {
			return card.NewFieldError(ErrNonce, f.name, fmt.Sprintf("it has more than %d bytes", f.max))
		}
	}
	return nil
}

// TextEncoding is how bytes stand in a request's text. The zero TextEncoding is none:
// eight hexadecimal digits are Base64 as well, so that it cannot be guessed.
type TextEncoding uint8

// The encodings, as processors' interfaces have them.
const (
	Hex    TextEncoding = iota + 1 // of either case
	Base64                         // standard alphabet, padded, without line breaks
)

// ParseRequest reads a request from the texts of an interface of one's own: each
// certificate as DecodeCertificate takes it, nonce and its signature in one encoding.
// Errors wrap ErrCertificate, ErrNonce, or ErrOptions for no encoding.
func ParseRequest(certificates []string, nonce, nonceSignature string, e TextEncoding) (*Request, error) {
	if len(certificates) < MinCertificates || len(certificates) > MaxCertificates {
		return nil, refused("there are not two or three of them, the leaf first")
	}
	r := &Request{}
	for _, text := range certificates {
		der, err := DecodeCertificate(text)
		if err != nil {
			return nil, err
		}
		r.Certificates = append(r.Certificates, der)
	}
	var err error
	if r.Nonce, err = e.decode("nonce", nonce, MaxNonce); err != nil {
		return nil, err
	}
	if r.NonceSignature, err = e.decode("nonceSignature", nonceSignature, MaxNonceSignature); err != nil {
		return nil, err
	}
	return r, nil
}

func (e TextEncoding) decode(field, text string, max int) (b []byte, err error) {
	switch {
	case e != Hex && e != Base64:
		return nil, fmt.Errorf("%w: choose Hex or Base64, as your app sends it", ErrOptions)
	case text == "":
		return nil, card.NewFieldError(ErrNonce, field, "it is missing")
	case len(text) > 2*max:
		return nil, card.NewFieldError(ErrNonce, field, fmt.Sprintf("it has more than %d bytes", max))
	case e == Hex:
		b, err = hex.DecodeString(text)
	case strings.ContainsAny(text, "\r\n"):
		err = ErrNonce
	default:
		b, err = base64.StdEncoding.Strict().DecodeString(text)
	}
	if err != nil {
		return nil, card.NewFieldError(ErrNonce, field, "it is not in the encoding that was agreed")
	}
	if len(b) > max {
		return nil, card.NewFieldError(ErrNonce, field, fmt.Sprintf("it has more than %d bytes", max))
	}
	return b, nil
}

// DecodeCertificate returns the DER bytes of one certificate: DER itself, one PEM block
// and nothing else but blanks, or standard Base64 with or without line breaks. Which of
// the three it is, its first character tells. An error wraps ErrCertificate.
func DecodeCertificate[T ~string | ~[]byte](in T) ([]byte, error) {
	b := bytes.TrimSpace([]byte(in))
	switch {
	case len(b) == 0 || len(in) > 2*MaxCertificate:
		return nil, refused("one is empty, or longer than 8 KiB")
	case b[0] == 0x30: // a SEQUENCE; the blanks around it may be its own
		return []byte(in), nil
	case b[0] == '-':
		block, rest := pem.Decode(b)
		if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 || !bytes.HasPrefix(b, []byte("-----BEGIN CERTIFICATE-----")) {
			return nil, refused("one is not a single PEM block of the type CERTIFICATE")
		}
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.Strict().DecodeString(string(b)) // skips line breaks
	if err != nil {
		return nil, refused("one is neither DER nor PEM nor Base64")
	}
	return der, nil
}
