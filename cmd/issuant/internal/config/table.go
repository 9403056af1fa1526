package config

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/engine/wire/pismo"
)

const (
	day       = 24 * time.Hour
	maxRetain = 3650 * day
)

// top are the settings of the server itself.
var top = []setting[Config]{
	text(Setting{Name: "listen", Flag: "listen", Arg: "ADDRESS", Doc: "host and port of the webhooks; port 0 takes a free one (default 127.0.0.1:8080)"},
		func(c *Config) *string { return &c.Listen }),
	text(Setting{Name: "admin", Flag: "admin", Arg: "ADDRESS", Doc: "host and port of health, readiness, metrics, lists and approvals (default 127.0.0.1:8081)"},
		func(c *Config) *string { return &c.Admin }),
	text(Setting{Name: "admin_token", Flag: "admin-token", Arg: "FILE", Doc: "bearer token of the admin address; needed where that is not loopback, and to change lists or approve packs"},
		func(c *Config) *string { return &c.AdminToken }),
	text(Setting{Name: "tls_cert", Flag: "tls-cert", Arg: "FILE", Doc: "PEM certificate chain of the webhooks' address (default no TLS)"},
		func(c *Config) *string { return &c.TLSCert }),
	text(Setting{Name: "tls_key", Flag: "tls-key", Arg: "FILE", Doc: "PEM private key of the certificate"},
		func(c *Config) *string { return &c.TLSKey }),
	text(Setting{Name: "store", Flag: "store", Arg: "URL", Doc: "where records and replays are kept: a SQLite file, postgres://..., or memory for a trial (default issuant.db)"},
		func(c *Config) *string { return &c.Store }),
	choice(Setting{Name: "durability", Flag: "durability", Arg: "WHEN", Doc: "when a record is on disk before its answer leaves: batch (default), always, or off"},
		func(c *Config) *string { return &c.Durability }, "batch", "always", "off"),
	duration(Setting{Name: "retain", Flag: "retain", Arg: "TIME", Doc: "how long records are kept, as 400d (default for ever)"},
		func(c *Config) *time.Duration { return &c.Retain }, day, maxRetain),
	text(Setting{Name: "pack", Flag: "pack", Arg: "DIR|FILE", Doc: "rules: a folder, or a compiled file (default the starter pack)"},
		func(c *Config) *string { return &c.Pack }),
	{Setting{Name: ApprovalsKey, Kind: Table, Doc: "who has to approve a pack before it is taken: {required: 2, approvers: {NAME: FILE with the Ed25519 public key}} (default nobody)"}, setApprovals},
	{Setting{Name: TrustKey, Kind: Table, Doc: "whose signatures a pack, and the key files of counterparts, need: {packs: {required: 1, signers: {NAME: FILE with the Ed25519 public key}}, rings: {...}} (default nobody's)"}, setTrust},
	{Setting{Name: ProvisionKey, Kind: Table, Doc: "build wallet payloads on a listener of their own: {listen, wallets, cards, grant_keys, tls_cert, tls_key, client_ca, only, ...}; see crypto/provision/WALKTHROUGH.md (default no)"}, setProvision},
	text(Setting{Name: "open_with", Flag: "open-with", Arg: "FILE", Doc: "age key file that opens a sealed pack, and sealed key files (default none)"},
		func(c *Config) *string { return &c.OpenWith }),
	yes(Setting{Name: "unsafe_first_pack", Flag: "unsafe-first-pack", Doc: "with approvals: start with a pack that nobody approved, as long as the store holds no approval at all"},
		func(c *Config) *bool { return &c.FirstPack }),
	choice(Setting{Name: "card", Flag: "card", Arg: "FORM", Doc: "how records name cards: ref (keyed reference, default) or bin (BIN and last four)"},
		func(c *Config) *string { return &c.Card }, "ref", "bin"),
	text(Setting{Name: "seal_to", Flag: "seal-to", Arg: "FILE", Doc: "seal the event of each decision to the age recipients (age1...) in this file, for explain --decision (default no)"},
		func(c *Config) *string { return &c.SealTo }),
	duration(Setting{Name: "poll", Flag: "poll", Arg: "TIME", Doc: "how often files are looked at when the system tells of no change (default 10s)"},
		func(c *Config) *time.Duration { return &c.Poll }, 100*time.Millisecond, time.Hour),
	duration(Setting{Name: "deadline", Flag: "deadline", Arg: "TIME", Doc: "from a request to its answer (default 1.5s)"},
		func(c *Config) *time.Duration { return &c.Deadline }, 10*time.Millisecond, gatehttp.MaxDeadline),
	integer(Setting{Name: "max_in_flight", Flag: "max-in-flight", Arg: "N", Doc: "requests at once and counterpart; more get 503 (default 256)"},
		func(c *Config) *int { return &c.MaxInFlight }, 1, 1<<16),
	size(Setting{Name: "max_body", Flag: "max-body", Arg: "BYTES", Doc: "longest body (default 256KiB)"},
		func(c *Config) *int { return &c.MaxBody }, 1<<10, webhook.MaxMaxBody),
	integer(Setting{Name: "max_connections", Flag: "max-connections", Arg: "N", Doc: "connections at once; more are refused (default 2048)"},
		func(c *Config) *int { return &c.MaxConnections }, 1, 1<<20),
	duration(Setting{Name: "drain_wait", Flag: "drain-wait", Arg: "TIME", Doc: "after SIGTERM: answer on while /readyz says no, so that load balancers look away (default 0)"},
		func(c *Config) *time.Duration { return &c.DrainWait }, 0, 5*time.Minute),
	duration(Setting{Name: "drain_timeout", Flag: "drain-timeout", Arg: "TIME", Doc: "for requests in flight to end, after drain_wait (default 15s)"},
		func(c *Config) *time.Duration { return &c.DrainTimeout }, time.Second, 5*time.Minute),
	choice(Setting{Name: "log_level", Flag: "log-level", Arg: "LEVEL", Doc: "least level that is logged: debug, info (default), warn, error"},
		func(c *Config) *string { return &c.LogLevel }, "debug", "info", "warn", "error"),
	choice(Setting{Name: "log_format", Flag: "log-format", Arg: "FORMAT", Doc: "text or json (default text on a terminal, else json)"},
		func(c *Config) *string { return &c.LogFormat }, "text", "json"),
	text(Setting{Name: "otlp", Flag: "otlp", Arg: "URL", Doc: "where OpenTelemetry traces go, by OTLP over HTTP: http(s)://host:4318/v1/traces (default nowhere)"},
		func(c *Config) *string { return &c.OTLP }),
	fraction(Setting{Name: "otlp_sample", Flag: "otlp-sample", Arg: "PART", Doc: "part of the requests that are traced, 0 to 1 (default 1)"},
		func(c *Config) *float64 { return &c.OTLPSample }),
}

// perCounterpart are the settings below counterparts.NAME in the file; their flags
// and variables speak of the only counterpart.
var perCounterpart = []setting[Counterpart]{
	choice(Setting{Name: "scheme", Doc: "signature scheme and wire format; default the counterpart's name"},
		func(p *Counterpart) *string { return &p.Scheme }, "pismo"),
	text(Setting{Name: "keys", Flag: "keys", Arg: "FILE|DIR|URL", Doc: "who may sign: a key file, a folder of them, or an https URL"},
		func(p *Counterpart) *string { return &p.Keys }),
	duration(Setting{Name: "max_stale", Flag: "max-stale", Arg: "TIME", Doc: "how long keys are used after they were last fetched, or seen in their files (default and at most 24h)"},
		func(p *Counterpart) *time.Duration { return &p.MaxStale }, time.Minute, source.DefaultMaxStale),
	duration(Setting{Name: "refresh", Flag: "refresh", Arg: "TIME", Doc: "how often keys are fetched (default as the key server says)"},
		func(p *Counterpart) *time.Duration { return &p.Refresh }, source.MinRefresh, source.MaxRefresh),
	many(Setting{Name: "accounts", Flag: "account", Arg: "ID", Doc: "account-id values that are ours"},
		func(p *Counterpart, texts []string) error { p.Accounts = texts; return each(texts, account) }),
	yes(Setting{Name: "unsafe_any_account", Flag: "unsafe-any-account", Doc: "accept every account, in place of accounts: tenants may share the sender's keys"},
		func(p *Counterpart) *bool { return &p.UnsafeAnyAccount }),
	text(Setting{Name: "header", Flag: "header", Arg: "NAME", Doc: "header with the signature: X-Pismo-Sign (default) or Authorization"},
		func(p *Counterpart) *string { return &p.Header }),
	many(Setting{Name: "subjects", Flag: "sub", Arg: "NAME", Doc: "sending services that are accepted (default api-cards-tokenization)"},
		func(p *Counterpart, texts []string) error { p.Subjects = texts; return each(texts, nil) }),
	duration(Setting{Name: "max_age", Flag: "max-age", Arg: "TIME", Doc: "greatest age of a message (default 5m)"},
		func(p *Counterpart) *time.Duration { return &p.MaxAge }, time.Second, webhook.MaxMaxAge),
	duration(Setting{Name: "skew", Flag: "skew", Arg: "TIME", Doc: "tolerance between the clocks (default 1m)"},
		func(p *Counterpart) *time.Duration { return &p.Skew }, time.Second, webhook.MaxSkew),
	duration(Setting{Name: "retry_window", Flag: "retry-window", Arg: "TIME", Doc: "for how long a retry gets the stored answer (default 30s)"},
		func(p *Counterpart) *time.Duration { return &p.RetryWindow }, time.Second, webhook.MaxMaxAge),
	many(Setting{Name: "unsafe_observe", Flag: "unsafe-observe", Arg: "CHECK", Doc: "accept what fails this check, and record it: max_age, subject, account; to see what enforcing would refuse"},
		setObserve),
	duration(Setting{Name: "observe_max_age", Flag: "observe-max-age", Arg: "TIME", Doc: "greatest age while max_age is observed; replays are remembered as long (default and at most 24h)"},
		func(p *Counterpart) *time.Duration { return &p.ObserveMaxAge }, time.Second, webhook.MaxMaxAge),
	text(Setting{Name: "shadow", Flag: "shadow", Arg: "URL", Doc: "forward each webhook to the incumbent at this https URL and pass its answer on; ours is only recorded"},
		func(p *Counterpart) *string { return &p.Shadow }),
	duration(Setting{Name: "shadow_timeout", Flag: "shadow-timeout", Arg: "TIME", Doc: "how long the incumbent may take (default 5s)"},
		func(p *Counterpart) *time.Duration { return &p.ShadowTimeout }, 10*time.Millisecond, gatehttp.MaxDeadline),
	text(Setting{Name: "ref_key", Flag: "ref-key", Arg: "FILE", Doc: "key that turns card and device numbers into references: one line, ID:HEX with 32 bytes at least"},
		func(p *Counterpart) *string { return &p.RefKey }),
	yes(Setting{Name: "sms", Flag: "sms", Doc: "offer a passcode by text message"},
		func(p *Counterpart) *bool { return &p.SMS }),
	text(Setting{Name: "sms_source", Arg: "TEXT", Doc: "source address of text messages, sent for Visa"},
		func(p *Counterpart) *string { return &p.SMSSource }),
	text(Setting{Name: "call", Flag: "call", Arg: "NUMBER", Doc: "offer a call to this hotline of the issuer"},
		func(p *Counterpart) *string { return &p.Call }),
	text(Setting{Name: "call_source", Arg: "TEXT", Doc: "source address of the hotline, sent for Visa"},
		func(p *Counterpart) *string { return &p.CallSource }),
	{Setting{Name: "apps", Kind: Table, Doc: "the issuer's apps, each {url, platform, source}: offer a passcode in the app"}, setApps},
	{Setting{Name: "requestors", Kind: Table, Doc: "token requestor id to wallet name; in place of the public ones"}, setRequestors},
	one(Setting{Name: "npl", Doc: "what the finding NPL means at least: by_type (default), yellow, red", Enum: nplNames()},
		func(p *Counterpart, v string) (err error) { p.NPL, err = parseNPL(v); return err }),
	{Setting{Name: "npl_programs", Kind: Table, Doc: "the same for single programs, by program id"}, setNPLPrograms},
	yes(Setting{Name: "rejected_approve_false_85", Doc: "answer a step-up with approve false"},
		func(p *Counterpart) *bool { return &p.RejectedApproveFalse85 }),
	yes(Setting{Name: "trusted_findings", Doc: "take what the sender's findings do not name as proven in order"},
		func(p *Counterpart) *bool { return &p.TrustedFindings }),
}

// Top lists the settings of the server, in the order of the documentation.
func Top() []Setting { return documented(top) }

// PerCounterpart lists the settings of a counterpart.
func PerCounterpart() []Setting { return documented(perCounterpart) }

func documented[T any](rows []setting[T]) []Setting {
	list := make([]Setting, len(rows))
	for i, s := range rows {
		list[i] = s.Setting
	}
	return list
}

func each(texts []string, check func(string) error) error {
	seen := map[string]bool{}
	for _, t := range texts {
		if t == "" {
			return fmt.Errorf("an entry is empty")
		}
		if seen[t] {
			return fmt.Errorf("%q stands twice", t)
		}
		seen[t] = true
		if check != nil {
			if err := check(t); err != nil {
				return err
			}
		}
	}
	return nil
}

func account(id string) error {
	if strings.Trim(id, "0123456789") != "" || len(id) > 32 {
		return fmt.Errorf("account %q is not 1 to 32 digits", id)
	}
	return nil
}

func setObserve(p *Counterpart, texts []string) error {
	return each(texts, func(name string) error {
		check, err := webhook.ParseCheck(name)
		if err != nil {
			return fmt.Errorf("%q cannot be observed; only max_age, subject and account can, since the other checks prove who sent a message", name)
		}
		p.UnsafeObserve = append(p.UnsafeObserve, check)
		return nil
	})
}

var platforms = map[string]pismo.Platform{"ios": pismo.IOS, "android": pismo.Android, "windows": pismo.Windows, "web": pismo.Web}

// setApps reads a list of mappings; what is wrong is told with its own line.
func setApps(p *Counterpart, v value, bad func(int, string, ...any)) {
	if v.node == nil || v.node.Kind != yaml.SequenceNode || len(v.node.Content) == 0 {
		bad(0, "is a list of mappings {url, platform, source}")
		return
	}
	for _, item := range v.node.Content {
		var app pismo.App
		fields := map[string]func(string) error{
			"url":    func(s string) error { app.URL = s; return nil },
			"source": func(s string) error { app.Source = s; return nil },
			"platform": func(s string) (err error) {
				var ok bool
				if app.Platform, ok = platforms[strings.ToLower(s)]; !ok {
					err = fmt.Errorf("platform %q is not one of ios, android, windows, web", s)
				}
				return err
			},
		}
		if mapping(item, "an app", fields, bad) && (app.URL == "" || app.Platform == "") {
			bad(item.Line, "an app needs url and platform")
		}
		p.Apps = append(p.Apps, app)
	}
}

func setRequestors(p *Counterpart, v value, bad func(int, string, ...any)) {
	p.Requestors = map[string]string{}
	pairs(v, "token requestor ids to names", bad, func(id, name string, line int) {
		p.Requestors[id] = name
	})
}

func setNPLPrograms(p *Counterpart, v value, bad func(int, string, ...any)) {
	p.NPLPrograms = map[string]pismo.NPL{}
	pairs(v, "program ids to by_type, yellow or red", bad, func(id, name string, line int) {
		npl, err := parseNPL(name)
		if err != nil {
			bad(line, "%w", err)
		}
		p.NPLPrograms[id] = npl
	})
}

// pairs reads a mapping of texts to texts.
func pairs(v value, what string, bad func(int, string, ...any), take func(name, text string, line int)) {
	if v.node == nil || v.node.Kind != yaml.MappingNode || len(v.node.Content) == 0 {
		bad(0, "is a mapping of %s", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i < len(v.node.Content); i += 2 {
		k, item := v.node.Content[i], v.node.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode || item.Kind != yaml.ScalarNode || item.Tag == "!!null":
			bad(k.Line, "is a mapping of %s", what)
		case seen[k.Value]:
			bad(k.Line, "%q stands twice", k.Value)
		default:
			seen[k.Value] = true
			take(k.Value, item.Value, k.Line)
		}
	}
}

// mapping reads a mapping with fixed names to texts; false when something is wrong.
func mapping(n *yaml.Node, what string, fields map[string]func(string) error, report func(int, string, ...any)) bool {
	ok := true
	bad := func(line int, format string, args ...any) {
		ok = false
		report(line, format, args...)
	}
	if n.Kind != yaml.MappingNode {
		bad(n.Line, "%s is a mapping", what)
		return ok
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		k, item := n.Content[i], n.Content[i+1]
		set := fields[k.Value]
		switch {
		case set == nil:
			bad(k.Line, "unknown key %q%s", k.Value, didYouMean(k.Value, keysOf(fields)))
		case seen[k.Value]:
			bad(k.Line, "key %q stands twice", k.Value)
		case item.Kind != yaml.ScalarNode || item.Tag == "!!null":
			bad(k.Line, "%s takes one value", k.Value)
		default:
			if err := set(item.Value); err != nil {
				bad(k.Line, "%w", err)
			}
		}
		seen[k.Value] = true
	}
	return ok
}

func parseNPL(v string) (pismo.NPL, error) {
	for npl, name := range nplTable {
		if v == name {
			return npl, nil
		}
	}
	return 0, fmt.Errorf("%q is not one of %s", v, strings.Join(nplNames(), ", "))
}
