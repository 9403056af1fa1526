package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/server"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/crypto/webhook/schemefile"
	"github.com/issuant/issuant/rules"
)

// opened is what the line of a genuine request tells.
type opened struct {
	keyID, replayKey string
	claims           []byte // canonical JSON
}

// opener verifies one request.
type opener func(r webhook.Request, now time.Time) (opened, error)

// loadScheme reads --scheme: a name, or a file; the zero Scheme for none, and for
// tokens one that has a name alone.
func (f *verifyFlags) loadScheme() (webhook.Scheme, error) {
	switch f.scheme {
	case "":
		return webhook.Scheme{}, nil
	case schemeJWS, schemeJWE:
		return webhook.Scheme{Name: f.scheme}, nil
	}
	if s, ok := webhook.Preset(f.scheme); ok {
		return s, nil
	}
	if server.IsSchemeFile(f.scheme) {
		s, err := schemefile.Load(f.scheme)
		if errors.Is(err, fs.ErrNotExist) {
			_, err = os.Stat(f.scheme)
			return s, usage("--scheme: %w", plainPathError(f.scheme, err))
		}
		if err != nil {
			return s, usage("--scheme: %w", err)
		}
		return s, nil
	}
	hint := ""
	if near := rules.Nearest(f.scheme, schemes()); near != "" {
		hint = fmt.Sprintf(", did you mean %q?", near)
	}
	return webhook.Scheme{}, usage("unknown scheme %q%s; verify --list lists the schemes, and a FILE.yaml describes another", f.scheme, hint)
}

func (f *verifyFlags) check(s webhook.Scheme) error {
	token := s.Name == schemeJWS || s.Name == schemeJWE
	switch {
	case s.Name == "":
		return usage("verify needs --scheme NAME or FILE.yaml; verify --list lists the names")
	case f.keys == "":
		return usage("verify needs --keys FILE")
	case (f.request == "") == (f.batch == ""):
		return usage("verify needs --request FILE or --batch FILE, one of them")
	case token && f.alg == "":
		return usage("verify --scheme %s needs --alg", s.Name)
	case s.Name == schemeJWE && f.enc == "":
		return usage("verify --scheme jwe needs --enc")
	}
	for _, only := range []struct {
		flag string
		ok   bool
		of   string
	}{
		{"account", s.Name == webhook.PismoScheme, "pismo"}, {"sub", s.Name == webhook.PismoScheme, "pismo"}, {"header", s.Name == webhook.PismoScheme, "pismo"},
		{"alg", token, "jws and jwe"}, {"enc", s.Name == schemeJWE, "jwe"}, {"origin", s.Signature.Form == webhook.RFC9421, "rfc9421"},
		{"max-age", !token, "webhooks"}, {"skew", !token, "webhooks"},
	} {
		if f.typed[only.flag] && !only.ok { // a file of settings may hold what is for other verbs
			return usage("verify: --%s is for %s, not for %s", only.flag, only.of, s.Name)
		}
	}
	// What is zero would take the library's default, which is not what somebody means
	// who writes --skew 0.
	if f.maxAge <= 0 || f.skew <= 0 {
		return usage("verify: --max-age and --skew must be more than 0")
	}
	return nil
}

// opener makes what verifies the scheme.
func (a *app) opener(f *verifyFlags, s webhook.Scheme) (opener, error) {
	if s.Name == schemeJWS || s.Name == schemeJWE {
		return a.tokenOpener(f)
	}
	ring, err := a.loadKeys(f.keys)
	if err != nil {
		return nil, err
	}
	var v *webhook.Verifier
	if s.Name == webhook.PismoScheme {
		v, err = webhook.NewPismo(webhook.PismoOptions{
			Keys: ring, Header: f.header, Accounts: f.accounts, UnsafeAnyAccount: len(f.accounts) == 0,
			Subjects: f.subjects, Skew: time.Duration(f.skew), MaxAge: time.Duration(f.maxAge),
		})
	} else {
		o := webhook.Options{Scheme: s, Keys: ring, Origin: f.origin, MaxBody: webhook.DefaultMaxBody, UnsafeUncoveredBody: true}
		// A scheme may have bounds of its own.
		if f.given("skew") {
			o.Skew = time.Duration(f.skew)
		}
		if f.given("max-age") {
			o.MaxAge = time.Duration(f.maxAge)
		}
		v, err = webhook.New(o)
		a.schemeWarnings(f, s)
	}
	if err != nil {
		return nil, usage("verify: %w", err)
	}
	return func(r webhook.Request, now time.Time) (opened, error) {
		m, err := v.OpenRequest(r, now)
		if err != nil {
			return opened{}, err
		}
		return opened{m.KeyID(), m.ReplayKey(), m.ClaimsJSON()}, nil
	}, nil
}

// schemeWarnings says what "ok" does not mean.
func (a *app) schemeWarnings(f *verifyFlags, s webhook.Scheme) {
	switch s.Coverage() {
	case webhook.CoversNothing:
		fmt.Fprintf(a.err, "issuant: warning: %s does not sign the body: ok says who sent a token, not what came with it\n", s.Name)
	case webhook.CoversFields:
		fmt.Fprintf(a.err, "issuant: warning: %s signs some values of the body alone\n", s.Name)
	}
	if freshness(&s) == "none" && (f.given("max-age") || f.given("skew")) {
		fmt.Fprintf(a.err, "issuant: warning: %s has no timestamp: --max-age and --skew do nothing\n", s.Name)
	}
}
