package config

import (
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/engine/wire/pismo"
)

// Config is a configuration whose every value is within its bounds.
type Config struct {
	Listen         string // address of the webhooks, host:port
	Admin          string // address of health, readiness and metrics, host:port
	AdminToken     string // file with the bearer token of the admin listener; "" = none
	TLSCert        string // PEM file; "" = no TLS
	TLSKey         string
	Store          string        // memory, a path, sqlite:PATH or postgres://...
	Durability     string        // batch, always, off
	Retain         time.Duration // 0 = for ever
	Pack           string        // folder or compiled file; "" = the starter pack
	Approvals      *Approvals    // who has to approve a pack; nil = nobody
	Provision      *Provision    // where wallet payloads are built; nil = nowhere
	Trust          Trust         // whose signatures packs and key files need
	OpenWith       string        // age key file that opens sealed packs and key files; "" = none
	FirstPack      bool          // take a pack that nobody approved while nobody has approved any
	Card           string        // ref or bin
	SealTo         string        // file with an auditor's age recipients; "" = events are not sealed
	Poll           time.Duration
	Deadline       time.Duration
	MaxInFlight    int
	MaxBody        int // bytes
	MaxConnections int
	DrainWait      time.Duration
	DrainTimeout   time.Duration
	LogLevel       string // debug, info, warn, error
	LogFormat      string // text, json; "" = text on a terminal, else json
	OTLP           string // URL; "" = no traces
	OTLPSample     float64

	Counterparts []*Counterpart // sorted by name, at least one unless Provision.Only

	places map[string]string
}

// Counterpart is one sender of webhooks: POST /v1/webhooks/{Name}.
type Counterpart struct {
	Name   string
	Scheme string // pismo

	Keys             string // file, folder or https URL
	MaxStale         time.Duration
	Refresh          time.Duration // 0 = as the server's Cache-Control says
	Accounts         []string
	UnsafeAnyAccount bool
	Header           string
	Subjects         []string
	MaxAge           time.Duration
	Skew             time.Duration
	RetryWindow      time.Duration
	UnsafeObserve    []webhook.Check // checks that are observed, not enforced
	ObserveMaxAge    time.Duration   // 0 = DefaultObserveMaxAge of package webhook
	Shadow           string          // URL of the incumbent; "" = none, we answer
	ShadowTimeout    time.Duration
	RefKey           string // file; "" with the store memory alone: a throw-away key

	SMS                    bool
	SMSSource              string
	Call                   string // hotline; "" = not offered
	CallSource             string
	Apps                   []pismo.App
	Requestors             map[string]string // nil = the public ones
	NPL                    pismo.NPL
	NPLPrograms            map[string]pismo.NPL
	RejectedApproveFalse85 bool
	TrustedFindings        bool

	place  string // of its section
	places map[string]string
}

// OldestAge is how old a message may be that is accepted: what is observed only is
// accepted beyond max_age.
func (p *Counterpart) OldestAge() time.Duration {
	switch {
	case !slices.Contains(p.UnsafeObserve, webhook.CheckMaxAge):
		return p.MaxAge
	case p.ObserveMaxAge > 0:
		return p.ObserveMaxAge
	}
	return webhook.DefaultObserveMaxAge
}

// Place tells where the setting of that name was set: "issuant.yaml:3",
// "ISSUANT_LISTEN", "--listen"; "" for a default.
func (c *Config) Place(name string) string { return c.places[name] }

// Place is Config.Place for the settings of a counterpart; what was not set is at
// the counterpart's own place.
func (p *Counterpart) Place(name string) string {
	if at := p.places[name]; at != "" {
		return at
	}
	return p.place
}

// defaults of everything that the settings leave open.
func defaults() *Config {
	return &Config{
		Listen: "127.0.0.1:8080", Admin: "127.0.0.1:8081", Store: "issuant.db", Durability: "batch", Card: "ref",
		Poll: 10 * time.Second, Deadline: 1500 * time.Millisecond, MaxInFlight: 256, MaxBody: 256 << 10, MaxConnections: 2048,
		DrainTimeout: 15 * time.Second, LogLevel: "info", OTLPSample: 1, places: map[string]string{},
	}
}

func counterpartDefaults(name string) *Counterpart {
	return &Counterpart{
		Name: name, Scheme: name, MaxStale: 24 * time.Hour, Header: "X-Pismo-Sign", Subjects: []string{"api-cards-tokenization"},
		MaxAge: 5 * time.Minute, Skew: time.Minute, RetryWindow: 30 * time.Second, ShadowTimeout: gatehttp.DefaultShadowTimeout, places: map[string]string{},
	}
}

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	Place string // "issuant.yaml:3", "ISSUANT_LISTEN", "--listen"; "" when it is nowhere
	Key   string // the setting, as the file names it; "" for the whole
	Msg   string
	Class Class
}

// Class tells who is at fault: the configuration itself, a key file that it names, the rules
// or their own tests.
type Class uint8

const (
	BadSetting Class = iota
	BadKeyFile
	BadRules
	BadTests
)

// String returns the fault as one line without a prefix.
func (f Fault) String() string {
	text := f.Msg
	named := strings.HasPrefix(f.Place, "--") || strings.HasPrefix(f.Place, "ISSUANT_")
	if j := joint(text); f.Key != "" && !(named && j == ": ") { // a flag names its setting already
		text = f.Key + j + text
	}
	if f.Place != "" {
		text = f.Place + ": " + text
	}
	return text
}

// joint: "retain is missing", but "retain: 1x is no duration".
func joint(msg string) string {
	switch verb, _, _ := strings.Cut(msg, " "); verb {
	case "is", "has", "takes", "means", "names", "needs", "says", "must", "and":
		return " "
	}
	return ": "
}
