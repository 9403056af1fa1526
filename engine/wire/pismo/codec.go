package pismo

import (
	"fmt"
	"strings"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// ErrConfig is wrapped by the errors of New.
var ErrConfig = code.New(code.Config, "pismo: bad configuration")

// ErrEncode is wrapped by the errors of Encode: the decision has no legal answer,
// which is our own mistake.
var ErrEncode = code.New(code.Internal, "pismo: the decision has no legal answer")

// Config is what the issuer tells the codec. RefKey and at least one step-up
// method are required; everything else may stay zero.
type Config struct {
	// RefKey makes the keyed references card.ref and device.ref. Whoever changes it
	// starts every count by card and by device anew.
	RefKey secret.RefKey

	SMS  *SMS  // OTPSMS; nil: not offered
	Apps []App // OTPAPP, at most 8; none: not offered
	Call *Call // OTPCALL; nil: not offered

	// NPL says what the finding NPL means at least; NPLPrograms says so for single
	// programs, by Pismo's program id in decimal.
	NPL         NPL
	NPLPrograms map[string]NPL

	// Requestors maps token requestor ids (11 digits) to the names that rules read
	// in token.requestor: apple_pay, google_pay, samsung_pay, or merchant for one
	// that is no wallet. nil means DefaultRequestors.
	Requestors map[string]string

	// RejectedApproveFalse85 answers a step-up with approve false. Pismo's page
	// pairs approve true with 85, and so does the zero value.
	RejectedApproveFalse85 bool

	// TrustedFindings takes a list of codes that is present, and reports no failure
	// of Pismo's own (OP1, HSE), as proof that what it does not name is in order:
	// card.expired becomes false and card.expiry_match true. The page does not
	// promise this, so by default both stay absent.
	TrustedFindings bool
}

// Platform is the platform of an issuer's app, as Visa names it.
type Platform string

const (
	IOS     Platform = "IOS"
	Android Platform = "ANDROID"
	Windows Platform = "WINDOWS"
	Web     Platform = "WEB"
)

// SMS offers a passcode by text message, to the number that Pismo has on file.
type SMS struct {
	Source string // Visa's Source Address, sent for Visa only; "" = not sent
}

// App offers a passcode through the issuer's app.
type App struct {
	URL      string   // opens the app: scheme://…, not http
	Platform Platform // required; sent for Visa only, as the page says
	Source   string   // as in SMS
}

// Call offers a call to the issuer's own hotline.
type Call struct {
	Number string // 3 to 15 digits, a plus sign before them where it is international
	Source string // as in SMS
}

// maxApps bounds Config.Apps, inclusive.
const maxApps = 8

// Codec decodes requests and encodes answers. It is immutable and safe for
// concurrent use.
type Codec struct {
	cfg        Config
	requestors map[string]string
	facts      facts
	spoken     [2]*spoken // to Mastercard and others, to Visa
}

// New returns a codec. The configuration is copied; its errors are ErrConfig.
func New(cfg Config) (*Codec, error) {
	if cfg.RefKey.ID() == "" {
		return nil, fmt.Errorf("%w: it needs a reference key", ErrConfig)
	}
	if cfg.SMS == nil && len(cfg.Apps) == 0 && cfg.Call == nil {
		return nil, fmt.Errorf("%w: it needs a step-up method: without one, every yellow is red", ErrConfig)
	}
	if err := checkMethods(cfg); err != nil {
		return nil, err
	}
	for program, npl := range cfg.NPLPrograms {
		if npl > NPLRed || !digitsOnly(program) {
			return nil, fmt.Errorf("%w: NPL of program %q", ErrConfig, program)
		}
	}
	if cfg.NPL > NPLRed {
		return nil, fmt.Errorf("%w: NPL is none of the named values", ErrConfig)
	}
	c := &Codec{cfg: copyConfig(cfg), facts: factsOf(rules.EventV1())}
	c.requestors = c.cfg.Requestors
	for id, name := range c.requestors {
		if !digitsOnly(id) || len(id) > 11 || !shortText(name) {
			return nil, fmt.Errorf("%w: token requestor %q: it needs an id of up to 11 digits and a name", ErrConfig, id)
		}
	}
	c.spoken = [2]*spoken{c.speak(false), c.speak(true)}
	return c, nil
}

func copyConfig(cfg Config) Config {
	if cfg.SMS != nil {
		sms := *cfg.SMS
		cfg.SMS = &sms
	}
	if cfg.Call != nil {
		call := *cfg.Call
		cfg.Call = &call
	}
	cfg.Apps = append([]App(nil), cfg.Apps...)
	cfg.NPLPrograms = copyMap(cfg.NPLPrograms)
	if cfg.Requestors == nil {
		cfg.Requestors = DefaultRequestors()
	} else {
		cfg.Requestors = copyMap(cfg.Requestors)
	}
	return cfg
}

func copyMap[V any](m map[string]V) map[string]V {
	c := make(map[string]V, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

func checkMethods(cfg Config) error {
	sources := []string{}
	if cfg.SMS != nil {
		sources = append(sources, cfg.SMS.Source)
	}
	if cfg.Call != nil {
		sources = append(sources, cfg.Call.Source)
		if n := strings.TrimPrefix(cfg.Call.Number, "+"); !digitsOnly(n) || len(n) < 3 || len(n) > 15 {
			return fmt.Errorf("%w: the hotline %q is not 3 to 15 digits, with a plus sign or without", ErrConfig, cfg.Call.Number)
		}
	}
	if len(cfg.Apps) > maxApps {
		return fmt.Errorf("%w: more than %d apps", ErrConfig, maxApps)
	}
	for _, app := range cfg.Apps {
		sources = append(sources, app.Source)
		if !appURL(app.URL) {
			return fmt.Errorf("%w: %q is not the URL of an app: it needs scheme://, and not http", ErrConfig, app.URL)
		}
		switch app.Platform {
		case IOS, Android, Windows, Web:
		default:
			return fmt.Errorf("%w: the app %q needs a platform: IOS, ANDROID, WINDOWS or WEB", ErrConfig, app.URL)
		}
	}
	for _, s := range sources {
		if s != "" && !shortText(s) {
			return fmt.Errorf("%w: a source address is printable ASCII of at most %d bytes", ErrConfig, MaxText)
		}
	}
	return nil
}

// appURL takes what RFC 3986 calls a scheme, then :// and at least one character,
// all of it visible ASCII.
func appURL(s string) bool {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || rest == "" || scheme == "" || len(s) > 256 || strings.EqualFold(scheme, "http") {
		return false
	}
	for i := range len(s) {
		if s[i] <= 0x20 || s[i] > 0x7e || strings.IndexByte(`"<>\^{|}`+"`", s[i]) >= 0 {
			return false
		}
	}
	for i := range len(scheme) {
		c := scheme[i] | 0x20
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || strings.IndexByte("0123456789+-.", scheme[i]) < 0) {
			return false
		}
	}
	return true
}

// DefaultRequestors returns the token requestor ids of wallets at Visa that are
// public: Google Pay's is printed in two places, the others in one (medium
// confidence). Mastercard's differ and are configuration.
func DefaultRequestors() map[string]string {
	return map[string]string{
		"40010075001": "google_pay",
		"40010030273": "apple_pay",
		"40010043095": "samsung_pay",
		"40010077056": "fitbit_pay",
		"40010069887": "garmin_pay",
	}
}

// Name returns "pismo".
func (c *Codec) Name() string { return "pismo" }

// Methods returns the step-up methods that this codec can put into an answer, for
// engine.Options: what is not configured cannot be offered. Pismo knows no e-mail.
func (c *Codec) Methods() []engine.Method {
	offered := map[string]bool{"sms": c.cfg.SMS != nil, "app": len(c.cfg.Apps) > 0, "call": c.cfg.Call != nil}
	methods := []engine.Method{}
	for _, m := range engine.DefaultMethods() {
		if offered[m.Channel] {
			methods = append(methods, m)
		}
	}
	return methods
}

// Decode reads a verified request. The error is a *engine.DecodeError.
func (c *Codec) Decode(m *webhook.Message) (*engine.Decoded, error) {
	if m == nil {
		return nil, failAt(-1, "", "there is no message")
	}
	return c.decode(message{body: m.Body(), account: m.Account(), iat: m.IssuedAt(), digest: m.Digest()})
}
