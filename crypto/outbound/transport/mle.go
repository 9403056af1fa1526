package transport

import (
	"bytes"
	"io"
	"net/http"
	"strconv"

	"github.com/issuant/issuant/crypto/outbound"
	"github.com/issuant/issuant/internal/code"
)

// MLE returns a Transport for Visa's Message Level Encryption: it encrypts the body
// and sets the header keyId; a request without a body gets the header alone. When the
// MLE has a key to open with, an answer of status 2xx that has a body must be
// encrypted (ErrAnswer, outbound.ErrOpen) and is handed on opened; another answer is
// opened where it is encrypted, and passes as it is where it is not, since gateways
// refuse in clear.
//
// Put the Transport that signs into Options.Base: x-pay-token covers the body as it
// is sent.
func MLE(o Options, m *outbound.MLE) (*Transport, error) {
	if m == nil {
		return nil, code.Wrap(ErrOptions, "MLE needs what outbound.NewMLE makes")
	}
	var t *Transport
	t, err := newTransport(o, "mle", func(r *http.Request, body []byte) ([]byte, error) {
		setHeader(r, outbound.MLEKeyHeader, m.KeyID())
		if len(body) == 0 {
			return nil, nil
		}
		setHeader(r, "Content-Type", "application/json")
		return m.Seal(body, t.o.Now())
	})
	if err == nil && m.Opens() {
		t.open = func(res *http.Response) error { return t.openAnswer(m, res) }
	}
	return t, err
}

func (t *Transport) openAnswer(m *outbound.MLE, res *http.Response) error {
	// Base64 and the envelope make the encrypted form longer than what is in it.
	limit := int64(t.o.MaxBody)*4/3 + 4096
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if closed := res.Body.Close(); err == nil {
		err = closed
	}
	switch {
	case err != nil:
		return err
	case int64(len(body)) > limit:
		return code.Wrap(ErrAnswer, "it is larger than MaxBody")
	case len(body) == 0:
	case outbound.IsEncrypted(body):
		if body, err = m.Open(body); err != nil {
			return err
		}
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return code.Wrap(ErrAnswer, "it is not encrypted")
	}
	if len(body) > t.o.MaxBody {
		return code.Wrap(ErrAnswer, "it is larger than MaxBody")
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	res.ContentLength = int64(len(body))
	res.TransferEncoding = nil
	res.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}
