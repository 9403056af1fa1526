package transport

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/outbound"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
)

const formType = "application/x-www-form-urlencoded"

// SiteSecurity returns a Transport that adds sitesecuritytimestamp and sitesecurity
// to Trust Payments request forms. Fields are those that the hash covers, in the
// order agreed with Trust Payments; a field that the form has not adds nothing to
// the hash. A body that is no form, that has a covered field twice, or that brings
// one of the two fields itself is ErrRequest.
func SiteSecurity(o Options, fields []string, password secret.Text) (*Transport, error) {
	own := []string{outbound.SiteSecurityTimestamp, outbound.SiteSecurityField}
	if len(fields) == 0 || slices.ContainsFunc(fields, func(f string) bool { return f == "" || slices.Contains(own, f) }) {
		return nil, code.Wrap(ErrOptions, "SiteSecurity needs the names of the fields that it covers, its own not among them")
	}
	if _, _, err := outbound.SiteSecurity([]string{""}, time.Unix(0, 0), password); err != nil {
		return nil, err
	}
	fields = slices.Clone(fields)
	var t *Transport
	t, err := newTransport(o, "sitesecurity", func(r *http.Request, body []byte) ([]byte, error) {
		form, err := readForm(r, body)
		if err != nil {
			return nil, err
		}
		values := make([]string, len(fields))
		for i, name := range append(slices.Clone(fields), own...) {
			switch {
			case len(form[name]) > 1:
				return nil, code.Wrap(ErrRequest, "the form has a covered field twice")
			case i >= len(fields) && form.Has(name):
				return nil, code.Wrap(ErrRequest, "the form brings sitesecurity itself")
			case i < len(fields):
				values[i] = form.Get(name)
			}
		}
		timestamp, hash, err := outbound.SiteSecurity(values, t.o.Now(), password)
		if err != nil {
			return nil, err
		}
		added := url.Values{own[0]: {timestamp}, own[1]: {hash}}.Encode()
		if len(body) > 0 {
			added = "&" + added
		}
		return append(slices.Clone(body), added...), nil
	})
	return t, err
}

func readForm(r *http.Request, body []byte) (url.Values, error) {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), formType) {
		return nil, code.Wrap(ErrRequest, "its Content-Type is not "+formType)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, code.Wrap(ErrRequest, "its body is no form")
	}
	return form, nil
}

// TrustJWT returns a Transport that turns a JSON body, the payload, into a form with
// the one field "jwt", as outbound.TrustJWT makes it. The field's name is Trust
// Payments'; that it is the only field of a form is unverified: where your product
// carries it in another way, put the token there yourself.
func TrustJWT(o Options, alg, user string, shared secret.Text) (*Transport, error) {
	if _, err := outbound.TrustJWT(alg, user, shared, []byte("{}"), time.Unix(0, 0)); err != nil {
		return nil, err
	}
	var t *Transport
	t, err := newTransport(o, "trust-jwt", func(r *http.Request, body []byte) ([]byte, error) {
		token, err := outbound.TrustJWT(alg, user, shared, body, t.o.Now())
		if err != nil {
			return nil, err
		}
		setHeader(r, "Content-Type", formType)
		return []byte(url.Values{"jwt": {token}}.Encode()), nil
	})
	return t, err
}
