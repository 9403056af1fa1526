package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/issuant/issuant/cmd/issuant/internal/httpmsg"
	"github.com/issuant/issuant/cmd/issuant/internal/ndjson"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
)

// schemes are the names of the signature schemes that verify knows.
func schemes() []string {
	names := []string{schemeJWE, schemeJWS}
	for _, s := range webhook.Presets() {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

type verifyFlags struct {
	scheme, keys, request, batch, header string
	alg, enc, origin                     string
	accounts, subjects                   []string
	replay, list                         bool
	maxAge, skew                         seconds
	given                                func(flag string) bool // on the command line, in the environment or the file
	typed                                map[string]bool        // on the command line
}

func (a *app) verifyCmd() *cobra.Command {
	f := verifyFlags{maxAge: seconds(5 * time.Minute), skew: seconds(time.Minute)}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the signature of stored webhook requests",
		Long: `Check the signature of stored webhook requests, in the order in which a gate does.

One line is printed for each request:
{"id": ..., "ok": ..., "code": ..., "key_id": ..., "claims": ...}

A batch line is {"id": s, "now": unix seconds, "method": s, "path": s,
"headers": {name: value or [values]}, "body_b64": s}; only "now" may be left out.
A request file is a raw HTTP/1.1 message: lines end in CR LF, or all in LF;
Content-Length must be exact.

--scheme is a name of --list, or a YAML file that describes a scheme of your own.
With jws and jwe the request's body is a token, and --alg (and --enc) what it must be.

The key file is a JWKS, or for pismo also the JSON map of key id to PEM certificate. A
key with a member "scheme" is used for that scheme alone. Shared secrets have kty oct;
k is the key itself, or the text in which the counterpart hands it out (whsec_...,
hexadecimal, Base64 with padding), in base64url.
Without --account any account is taken; without --replay nothing is remembered.
Exit code 5 when a request was refused, else 4 when a line or message could not be read.`,
		Example: `  issuant verify --scheme pismo --keys keys.json --request webhook.http
  issuant verify --scheme pismo --keys keys.json --account 98665386 --batch log.ndjson
  issuant verify --list
  issuant verify --scheme pps.yaml --keys keys.json --request captured.http
  issuant verify --scheme jws --alg ES256 --keys keys.json --request token.http`,
	}
	cmd.PreRun = func(*cobra.Command, []string) {
		f.typed = map[string]bool{}
		cmd.Flags().Visit(func(flag *pflag.Flag) { f.typed[flag.Name] = true })
	}
	cmd.RunE = func(*cobra.Command, []string) error {
		f.given = cmd.Flags().Changed
		return a.verify(&f)
	}
	fl := cmd.Flags()
	fl.StringVar(&f.scheme, "scheme", "", "signature scheme: a `NAME` of --list, or a FILE.yaml")
	fl.BoolVar(&f.list, "list", false, "list the schemes: header, algorithm, what they cover, freshness, evidence")
	fl.StringVar(&f.keys, "keys", "", "key `FILE`")
	fl.StringVar(&f.request, "request", "", "raw HTTP/1.1 request message: a `FILE`, or - for standard input")
	fl.StringVar(&f.batch, "batch", "", "requests, one a line: a `FILE`, or - for standard input")
	fl.StringArrayVar(&f.accounts, "account", nil, "account `ID` that the message may be for; may stand several times")
	fl.BoolVar(&f.replay, "replay", false, "refuse a message that stood earlier in the batch")
	fl.StringVar(&f.header, "header", "X-Pismo-Sign", "pismo: header that carries the signature, X-Pismo-Sign or Authorization")
	fl.StringArrayVar(&f.subjects, "sub", nil, "pismo: sending service that is accepted; may stand several times (default api-cards-tokenization)")
	fl.StringVar(&f.alg, "alg", "", "jws, jwe: the only `ALGORITHM` that is accepted")
	fl.StringVar(&f.enc, "enc", "", "jwe: the only content `ENCRYPTION` that is accepted")
	fl.StringVar(&f.origin, "origin", "", "rfc9421: `https://HOST` as the sender addresses us (default the Host header)")
	fl.Var(&f.maxAge, "max-age", "greatest age of a message")
	fl.Var(&f.skew, "skew", "tolerance between the clocks")
	fl.StringVar(&a.now, "now", "", "verify as of this `TIME`: RFC 3339 or Unix seconds (default the clock)")
	return a.verb(cmd, "pretty", "json")
}

func (a *app) verify(f *verifyFlags) error {
	scheme, err := f.loadScheme()
	if err != nil {
		return err
	}
	if f.list {
		return a.listSchemes(scheme)
	}
	if err := f.check(scheme); err != nil {
		return err
	}
	now, err := a.instant()
	if err != nil {
		return err
	}
	open, err := a.opener(f, scheme)
	if err != nil {
		return err
	}
	c := &checker{open: open, now: now, fixed: a.now != "", out: bufio.NewWriterSize(a.out, 64<<10), report: func(err error) {
		fmt.Fprintln(a.err, "issuant: "+oneLine(err.Error()))
	}}
	if f.replay {
		c.seen = map[string]bool{}
	}
	if f.request != "" {
		return a.verifyRequest(c, f.request)
	}
	return a.verifyBatch(c, f.batch)
}

// loadKeys reads a key file, of keys that verify unless other uses are given: one that
// is missing is a usage error, one that is unusable a refusal. An entry that cannot be
// used is warned of and spoils no other.
func (a *app) loadKeys(name string, uses ...keyring.Use) (*keyring.Ring, error) {
	if _, err := os.Stat(name); err != nil {
		return nil, usage("--keys: %w", plainPathError(name, err))
	}
	keys, warnings, err := source.Load(name, source.Options{Uses: uses, UnsafeModes: true})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("--keys: %w", err)
	}
	if err != nil {
		return nil, fail(exitRefused, "%w", err)
	}
	for _, w := range warnings {
		fmt.Fprintf(a.err, "issuant: %s: warning: %s\n", name, oneLine(w))
	}
	ring, err := keyring.NewRing(keys...)
	if err != nil {
		return nil, fail(exitRefused, "%s: %w", name, err)
	}
	return ring, nil
}

// checker verifies requests one after the other and prints a line for each.
type checker struct {
	open   opener
	now    time.Time
	fixed  bool // now was given; else it is the clock
	seen   map[string]bool
	out    *bufio.Writer
	report func(error)

	refused, unreadable bool
	buf                 []byte
}

// result is what the run amounts to: a refusal wins over what could not be read.
func (c *checker) result() error {
	switch {
	case c.refused:
		return done(exitRefused)
	case c.unreadable:
		return done(exitInput)
	}
	return nil
}

// finish flushes the output; a reader that went away does not change the result.
func (c *checker) finish() error {
	if err := c.out.Flush(); err != nil && !errors.Is(err, errPipe) {
		return err
	}
	return c.result()
}

func (a *app) verifyRequest(c *checker, name string) error {
	data, err := a.readInput(name, httpmsg.MaxMessage)
	if errors.Is(err, errTooLong) {
		return fail(exitInput, "request message: %w", err)
	}
	if err != nil {
		return err
	}
	req, err := httpmsg.Read(data)
	if err != nil {
		c.unreadable = true
		c.report(fmt.Errorf("%s: %w", inputName(name), err))
		if err := c.refusal(nil, code.BadRequest.String()); err != nil {
			return err
		}
		return c.finish()
	}
	r := webhook.Request{Method: req.Method, Target: req.Target, Header: req.Header, Body: req.Body}
	if err := c.verify(nil, c.instant(nil), r); err != nil && !errors.Is(err, errPipe) {
		return err
	}
	return c.finish()
}

func (a *app) verifyBatch(c *checker, name string) error {
	in, err := a.openInput(name)
	if err != nil {
		return err
	}
	defer in.Close()
	r := ndjson.NewReader(in, 0)
	for {
		line, tooLong, err := r.Next()
		if errors.Is(err, io.EOF) {
			return c.finish()
		}
		if err != nil {
			c.out.Flush()
			return a.readError(name, err)
		}
		b, why := parseBatchLine(line)
		if tooLong {
			why = fmt.Errorf("longer than %d bytes", ndjson.MaxLine)
		}
		if why != nil {
			c.report(fmt.Errorf("%s:%d: %w", inputName(name), r.Line(), why))
			err = c.badLine(r.Line())
		} else {
			err = c.verify(&b.id, c.instant(b.now), webhook.Request{Method: b.method, Target: b.path, Header: b.headers, Body: b.body})
		}
		if errors.Is(err, errPipe) {
			return c.result()
		} else if err != nil {
			return err
		}
	}
}

func (c *checker) instant(own *time.Time) time.Time {
	switch {
	case own != nil:
		return *own
	case c.fixed:
		return c.now
	}
	return time.Now().UTC()
}

func (c *checker) verify(id *string, now time.Time, r webhook.Request) error {
	m, err := c.open(r, now)
	if err == nil && c.seen != nil {
		if c.seen[m.replayKey] {
			err = webhook.ErrReplayed
		}
		c.seen[m.replayKey] = true
	}
	if err != nil {
		c.refused = true
		return c.refusal(id, code.Of(err).String())
	}
	w := c.begin(id, true, code.OK.String())
	w.Key("key_id").String(m.keyID).Key("claims").Raw(m.claims)
	return c.end(w)
}

func (c *checker) begin(id *string, ok bool, name string) *canon.Writer {
	w := canon.NewWriter(c.buf[:0])
	w.Object().Key("id")
	if id == nil {
		w.Null()
	} else {
		w.String(*id)
	}
	return w.Key("ok").Bool(ok).Key("code").String(name)
}

func (c *checker) refusal(id *string, name string) error {
	return c.end(c.begin(id, false, name).Key("key_id").Null().Key("claims").Null())
}

func (c *checker) badLine(line int) error {
	c.unreadable = true
	return c.end(c.begin(nil, false, code.BadLine.String()).Key("line").Int(int64(line)))
}

func (c *checker) end(w *canon.Writer) error {
	c.buf = append(w.EndObject().Bytes(), '\n')
	_, err := c.out.Write(c.buf)
	return err
}
