package outbound

import (
	"cmp"
	"crypto"
	"crypto/rsa"
	"errors"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// MLEKeyHeader is the header that carries the key id of MLE.
const MLEKeyHeader = "keyId"

// mleMember is the one member of an encrypted body.
const mleMember = "encData"

// MLEOptions say how Visa's Message Level Encryption is done for one key pair.
type MLEOptions struct {
	KeyID   string           // required: the key id that Visa's portal shows, 1 to 256 printable characters
	Key     *rsa.PublicKey   // required: Visa's encryption key, 2048 to 8192 bits
	Enc     string           // jose.A128GCM (default) or jose.A256GCM; Visa's page allows both
	OpenKey crypto.Decrypter // our RSA key, to open answers; nil: Open refuses
}

// MLE encrypts whole bodies for Visa, and opens answers: {"encData":"<JWE>"} with
// RSA-OAEP-256. It hides a body and does not say who sent it: put x-pay-token or
// mutual TLS beside it. It is immutable and safe for concurrent use when its key is;
// NewMLE makes one.
//
// Source: Visa's public pages, and Visa's sample code in five languages (high confidence).
type MLE struct{ o MLEOptions }

// NewMLE checks the options: an error wraps ErrCredentials.
func NewMLE(o MLEOptions) (*MLE, error) {
	o.Enc = cmp.Or(o.Enc, jose.A128GCM)
	if o.KeyID == "" || len(o.KeyID) > jose.MaxKeyIDBytes || !visible(o.KeyID, "") {
		return nil, credentials("a key id of MLE is 1 to %d printable ASCII characters without blanks", jose.MaxKeyIDBytes)
	}
	if o.Enc != jose.A128GCM && o.Enc != jose.A256GCM {
		return nil, credentials("Enc is neither A128GCM nor A256GCM")
	}
	if err := keyring.CheckRSA(o.Key); err != nil {
		return nil, credentials("Visa's key: %v", err)
	}
	if o.OpenKey != nil {
		pub, ok := o.OpenKey.Public().(*rsa.PublicKey)
		if !ok {
			return nil, credentials("our key for MLE is not an RSA key")
		}
		if err := keyring.CheckRSA(pub); err != nil {
			return nil, credentials("our key: %v", err)
		}
	}
	return &MLE{o}, nil
}

// KeyID returns what the header MLEKeyHeader carries.
func (m *MLE) KeyID() string { return m.o.KeyID }

// Opens reports whether there is a key to open answers with.
func (m *MLE) Opens() bool { return m.o.OpenKey != nil }

// Seal returns the encrypted body. Its header carries alg, enc, kid and iat in Unix
// milliseconds. A body whose encrypted form is longer than MaxBody is ErrTooLarge.
func (m *MLE) Seal(body []byte, now time.Time) ([]byte, error) {
	if _, err := seconds(now); err != nil {
		return nil, err
	}
	header := jose.Header{jose.Text("kid", m.o.KeyID), jose.Int("iat", now.UnixMilli())}
	token, err := jose.Seal(jose.RSAOAEP256, m.o.Enc, m.o.Key, header, body)
	switch {
	case errors.Is(err, jose.ErrTooLarge):
		return nil, ErrTooLarge
	case err != nil:
		return nil, err
	}
	return canon.NewWriter(nil).Object().Key(mleMember).String(token).EndObject().Bytes(), nil
}

// IsEncrypted reports whether a body is a JSON object with the text member encData.
func IsEncrypted(body []byte) bool {
	_, ok := encData(body)
	return ok
}

// Open returns the plaintext of an encrypted answer, which the caller owns. Every
// error wraps ErrOpen and has its text.
func (m *MLE) Open(body []byte) ([]byte, error) {
	if m.o.OpenKey == nil {
		return nil, code.Hide(ErrOpen, "there is no OpenKey")
	}
	token, ok := encData(body)
	if !ok {
		return nil, code.Hide(ErrOpen, "it is no strict JSON object with encData")
	}
	jwe, err := jose.ParseJWEUpTo(token, jose.MaxJWEBytes)
	if err != nil {
		return nil, code.Hide(ErrOpen, err.Error())
	}
	plaintext, err := jwe.Open(jose.RSAOAEP256, m.o.OpenKey, jose.A128GCM, jose.A256GCM)
	if err != nil {
		return nil, code.Hide(ErrOpen, cmp.Or(code.Detail(err), err.Error()))
	}
	return plaintext, nil
}

func encData(body []byte) (token string, ok bool) {
	return strictjson.Text(body, mleMember, strictjson.Limits{MaxBytes: jose.MaxJWEBytes + 64, MaxDepth: 8, MaxValues: 64})
}
