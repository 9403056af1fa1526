package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/httpmsg"
	"github.com/issuant/issuant/cmd/issuant/internal/outfile"
	"github.com/issuant/issuant/cmd/issuant/internal/wallets"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
)

type grantFlags struct {
	event, request, key, keyID, identity, audience, refKey, out string
	proof, proofScheme, proofKeys, decidedAt                    string
	proofMethods                                                []string
	force                                                       bool
}

func (a *app) provisionGrantCmd() *cobra.Command {
	f := &grantFlags{}
	cmd := &cobra.Command{
		Use:   "grant",
		Short: "Decide on an event of kind provision, and sign a grant for its payload",
		Long: `Decide on an event of kind provision and, when the outcome is green, print a grant: a signed
text that "issuant provision apple|google|samsung", or the provision routes of serve, build
one payload for. It is bound to the card, network, wallet, device or nonce of the event and
the request, and good for up to five minutes after the decision.

A yellow or orange decision needs the proof that its step-up was passed: a signed request
(--step-up, with the scheme and keys that verify it) whose body names decision, card and
method (StepUpResult of package engine). The proof is of the decision that was made before
the cardholder was asked: give its instant again with --decided-at, and the same event. Red
gives no grant. Without --pack the starter pack for wallet payloads decides.

Where the event has device.ref or wallet.account_ref as keyed references, --ref-key made
them; without it these facts are the ids themselves. Exit code 1 when there is no grant: the
decision is then on standard error.`,
		Example: `  issuant provision grant --event event.json --request request.json --pack provision-pack --key grant-key.json
  issuant provision grant --event event.json --request request.json --key grant-key.json \
      --decided-at 2026-11-23T10:00:00Z --step-up result.http --step-up-scheme acme.yaml --step-up-keys acme-keys.json --step-up-method app`,
		RunE: func(*cobra.Command, []string) error { return a.makeGrant(f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.event, "event", "", "event of kind provision: a JSON `FILE`, or - for standard input")
	fl.StringVar(&f.request, "request", "", "what the phone asks for: a JSON `FILE`, as for building")
	fl.StringVar(&a.pack, "pack", "", "rules: a `DIR`, or a compiled FILE (default "+provisionPack+")")
	fl.StringVar(&f.key, "key", "", "private key that signs grants: a key `FILE` (issuant keys generate)")
	fl.StringVar(&f.keyID, "key-id", "", "`ID` of the key, where the file has several")
	fl.StringVar(&f.identity, "identity", "", "`FILE` of the age identity that opens a sealed key file")
	fl.StringVar(&f.audience, "audience", defaultAudience, "`NAME` of the place that builds")
	fl.StringVar(&f.refKey, "ref-key", "", "`FILE` with the key of references")
	fl.StringVar(&f.proof, "step-up", "", "proof of the step-up: a raw HTTP/1.1 request message in a `FILE`")
	fl.StringVar(&f.proofScheme, "step-up-scheme", "", "signature scheme of the proof: a `NAME` or FILE.yaml, as for verify")
	fl.StringVar(&f.proofKeys, "step-up-keys", "", "keys that verify the proof: a key `FILE`")
	fl.StringArrayVar(&f.proofMethods, "step-up-method", nil, "`METHOD` that this proof counts for, as app or sms; repeated")
	fl.StringVar(&f.decidedAt, "decided-at", "", "with --step-up: `TIME` of the decision whose step-up is proven (default --now)")
	fl.StringVarP(&f.out, "output", "o", "", "write this `FILE`, for its owner alone (default standard output)")
	fl.BoolVar(&f.force, "force", false, "replace the file of -o")
	a.nowFlag(cmd)
	return a.verb(cmd, "pretty", "json")
}

func (a *app) makeGrant(f *grantFlags) error {
	if f.event == "" || f.request == "" || f.key == "" {
		return usage("provision grant: --event, --request and --key are needed")
	}
	if (f.proof == "") != (f.proofScheme == "") || (f.proof == "") != (f.proofKeys == "") || (f.proof == "") != (len(f.proofMethods) == 0) {
		return usage("provision grant: --step-up, --step-up-scheme, --step-up-keys and --step-up-method go together")
	}
	now, err := a.instant()
	if err != nil {
		return err
	}
	key, err := a.grantKey(f, now)
	if err != nil {
		return err
	}
	at := now
	if f.decidedAt != "" {
		if at, err = parseTime(f.decidedAt); err != nil {
			return usage("--decided-at: %w", err)
		}
	}
	d, ev, err := a.decideProvision(f, at)
	if err != nil {
		return err
	}
	granter, proof, err := a.granter(f, now)
	if err != nil {
		return err
	}
	req, err := a.grantRequest(f, ev)
	if err != nil {
		return err
	}
	req.StepUp = proof
	g, err := granter.Grant(d, *req, now)
	if errors.Is(err, engine.ErrNotGranted) || errors.Is(err, engine.ErrStepUpProof) {
		return a.notGranted(d, err)
	}
	if err != nil {
		return provisionError("", err)
	}
	expires := g.Expires()
	token, err := provision.SignGrant(g, key, f.audience, now)
	if err != nil {
		return fail(exitRefused, "%w", err)
	}
	return a.printGrant(f, token, expires, d)
}

// grantKey returns the one key that signs, or that of --key-id.
func (a *app) grantKey(f *grantFlags, now time.Time) (*keyring.Key, error) {
	opt := source.Options{Uses: []keyring.Use{keyring.UseSign}}
	var err error
	if opt.Open, err = sealOpener(f.identity); err != nil {
		return nil, err
	}
	keys, warnings, err := source.Load(f.key, opt)
	if err != nil {
		return nil, keyError("--key", err)
	}
	a.warnKeys(f.key, warnings)
	var found *keyring.Key
	for i := range keys {
		k := &keys[i]
		if f.keyID != "" && k.ID != f.keyID || f.keyID == "" && (k.Refused != "" || !k.ValidAt(now)) {
			continue
		}
		if found != nil {
			return nil, usage("--key: %s has several keys that sign; name one with --key-id", f.key)
		}
		found = k
	}
	if found == nil {
		return nil, fail(exitRefused, "--key: %s has no such key that signs", f.key)
	}
	return found, nil
}

func (a *app) decideProvision(f *grantFlags, now time.Time) (*engine.Decision, *engine.Event, error) {
	if a.pack == "" { // no default of the flag: the verbs share the variable, and the last default won
		a.pack = provisionPack
	}
	pack, err := a.loadPack()
	if err != nil {
		return nil, nil, err
	}
	ev, err := a.readEvent(f.event, pack.Schema())
	if err != nil {
		return nil, nil, err
	}
	eng, err := engine.New(pack, engine.Options{})
	if err != nil {
		return nil, nil, fail(exitUsage, "%w", err)
	}
	return eng.Decide(ev, now), ev, nil
}

// granter returns who makes grants, and the message that proves a step-up.
func (a *app) granter(f *grantFlags, now time.Time) (*engine.Granter, *webhook.Message, error) {
	var o engine.GranterOptions
	var err error
	if f.refKey != "" {
		if o.Refs, err = readRefKeys(f.refKey); err != nil {
			return nil, nil, err
		}
	}
	var proof *webhook.Message
	if f.proof != "" {
		const route = "step-up"
		o.StepUps = []engine.StepUpRoute{{Route: route, Methods: f.proofMethods}}
		if proof, err = a.openProof(f, route, now); err != nil {
			return nil, nil, err
		}
	}
	g, err := engine.NewGranter(o)
	if err != nil {
		return nil, nil, usage("provision grant: %w", err)
	}
	return g, proof, nil
}

func (a *app) openProof(f *grantFlags, route string, now time.Time) (*webhook.Message, error) {
	scheme, err := (&verifyFlags{scheme: f.proofScheme}).loadScheme()
	if err != nil {
		return nil, err
	}
	if scheme.Name == webhook.PismoScheme || scheme.Name == schemeJWS || scheme.Name == schemeJWE {
		return nil, usage("--step-up-scheme: %s carries no proof of a step-up", scheme.Name)
	}
	ring, err := a.loadKeys(f.proofKeys)
	if err != nil {
		return nil, err
	}
	v, err := webhook.New(webhook.Options{Scheme: scheme, Keys: ring, Route: route})
	if err != nil {
		return nil, usage("--step-up-scheme: %w", err)
	}
	data, err := readFile(f.proof, httpmsg.MaxHead+webhook.DefaultMaxBody)
	if err != nil {
		return nil, usage("--step-up: %w", err)
	}
	r, err := httpmsg.Read(data)
	if err != nil {
		return nil, fail(exitInput, "--step-up: %s: %w", f.proof, err)
	}
	m, err := v.OpenRequest(webhook.Request{Method: r.Method, Target: r.Target, Header: r.Header, Body: r.Body}, now)
	if err != nil {
		return nil, fail(exitRefused, "--step-up: %w", err)
	}
	return m, nil
}

// eventWallets are the wallets as an event names them.
var eventWallets = map[string]string{
	string(provision.ApplePay): wallets.Apple, string(provision.GooglePay): wallets.Google, string(provision.SamsungPay): wallets.Samsung,
}

func (a *app) grantRequest(f *grantFlags, ev *engine.Event) (*engine.GrantRequest, error) {
	kind := eventWallets[ev.Text("token.requestor")]
	if kind == "" {
		return nil, fail(exitInput, "%s: token.requestor is not apple_pay, google_pay or samsung_pay", inputName(f.event))
	}
	data, err := readFile(f.request, wallets.MaxRequest)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage("--request: %w", err)
	}
	if err != nil {
		return nil, fail(exitInput, "--request: %w", err)
	}
	r, err := wallets.ParseRequest(kind, data)
	if err != nil {
		return nil, provisionError(f.request, err)
	}
	return r.Grant(), nil
}

// notGranted prints the decision for a person, and why it gives nothing.
func (a *app) notGranted(d *engine.Decision, err error) error {
	if a.format == "json" {
		if werr := a.printJSONValue(map[string]any{
			"granted": false, "code": code.Of(err).String(), "reason": err.Error(), "decision_id": d.ID, "decided_at": d.Now.Format(time.RFC3339Nano), "outcome": d.Outcome.String(), "step_up": d.StepUp,
		}); werr != nil {
			return werr
		}
		return done(exitFailed)
	}
	rules := make([]string, len(d.Rules))
	for i, r := range d.Rules {
		rules[i] = r.ID
	}
	fmt.Fprintf(a.err, "issuant: no grant: the decision is %s (rules: %s)\n", d.Outcome, orWord(strings.Join(rules, ", "), "none"))
	if len(d.StepUp) > 0 {
		fmt.Fprintf(a.err, "issuant: when the cardholder has passed %s, prove it of decision %s, with --decided-at %s\n",
			strings.Join(d.StepUp, " or "), d.ID, d.Now.Format(time.RFC3339Nano))
	}
	return fail(exitFailed, "%w", err)
}

func (a *app) printGrant(f *grantFlags, token string, expires time.Time, d *engine.Decision) error {
	if f.out != "" {
		if err := writeOut(f.out, []byte(token+"\n"), outfile.Secret, f.force); err != nil {
			return err
		}
	}
	switch {
	case a.format == "json":
		out := map[string]any{
			"granted": true, "grant": token, "expires": expires.UTC().Format(time.RFC3339), "audience": f.audience,
			"decision_id": d.ID, "outcome": d.Outcome.String(),
		}
		if f.out != "" {
			out["grant"] = nil
		}
		return a.printJSONValue(out)
	case f.out != "":
		return nil
	}
	_, err := fmt.Fprintln(a.out, token)
	return err
}
