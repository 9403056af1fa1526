package pismo

import (
	"fmt"
	"slices"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
)

const (
	statusOK    = 200
	contentType = "application/json"
)

// SystemError returns Pismo's "issuer internal system error".
func (c *Codec) SystemError() engine.Reply {
	return reply(false, actionSystem)
}

// Encode returns the answer to a decision. Only these leave: green (true, 00),
// yellow and orange (true, 85) with at least one method, red (false, 05, 14, N7 or
// 54), and the system error (false, 96). Anything else is ErrEncode.
func (c *Codec) Encode(ev *engine.Event, d *engine.Decision) (engine.Reply, error) {
	switch {
	case d == nil:
		return engine.Reply{}, fmt.Errorf("%w: there is none", ErrEncode)
	case d.SystemError:
		return c.SystemError(), nil
	case d.Outcome == rules.Yellow || d.Outcome == rules.Orange:
		return c.challenge(ev, d)
	case len(d.StepUp) > 0:
		return engine.Reply{}, fmt.Errorf("%w: %s with step-up methods", ErrEncode, d.Outcome)
	case d.Outcome == rules.Green && d.ActionCode == actionApproved:
		return reply(true, actionApproved), nil
	case d.Outcome == rules.Red && declines[d.ActionCode]:
		return reply(false, d.ActionCode), nil
	}
	return engine.Reply{}, fmt.Errorf("%w: %s with action code %q", ErrEncode, d.Outcome, d.ActionCode)
}

var declines = setOf(actionDeclined, actionInvalidPAN, actionCVV, actionExpiry)

func (c *Codec) challenge(ev *engine.Event, d *engine.Decision) (engine.Reply, error) {
	if d.ActionCode != actionChallenge {
		return engine.Reply{}, fmt.Errorf("%w: %s with action code %q", ErrEncode, d.Outcome, d.ActionCode)
	}
	spoken := &c.spoken[0]
	if ev != nil && ev.Facts != nil && ev.Text("token.network") == "visa" {
		spoken = &c.spoken[1]
	}
	if len(d.StepUp) == 0 {
		return engine.Reply{}, fmt.Errorf("%w: %s without a step-up method", ErrEncode, d.Outcome)
	}
	b := append(make([]byte, 0, spoken.room), spoken.begin...)
	for i, channel := range d.StepUp {
		entries := spoken.of(channel)
		if entries == "" || slices.Contains(d.StepUp[:i], channel) {
			return engine.Reply{}, fmt.Errorf("%w: the step-up channel %q is not configured, or stands twice", ErrEncode, channel)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, entries...)
	}
	return engine.Reply{Status: statusOK, ContentType: contentType, Body: append(b, "]}"...)}, nil
}

// spoken is what challenges to one network are put together from. The texts were
// written by the canonical encoder when the codec was made.
type spoken struct {
	begin          string // up to and including the bracket of step_up_methods
	sms, app, call string // entries of the list; "" where the channel is not configured
	room           int    // bytes of the longest answer
}

func (s *spoken) of(channel string) string {
	switch channel {
	case "sms":
		return s.sms
	case "app":
		return s.app
	case "call":
		return s.call
	}
	return ""
}

// speak writes what challenges are put together from.
func (c *Codec) speak(visa bool) spoken {
	entries := func(channel string) string {
		w := canon.NewWriter(nil).Array()
		for _, m := range c.appendMethods(nil, channel, visa) {
			w.Object().Key("method").String(m.name).Key("value").StringOrNull(m.value).NonEmpty("platform", m.platform)
			w.NonEmpty("source", m.source).EndObject()
		}
		text := string(w.EndArray().Bytes())
		return text[1 : len(text)-1]
	}
	plain := reply(!c.cfg.RejectedApproveFalse85, actionChallenge).Body
	s := spoken{
		begin: string(plain[:len(plain)-1]) + `,"step_up_methods":[`,
		sms:   entries("sms"), app: entries("app"), call: entries("call"),
	}
	s.room = len(s.begin) + len(s.sms) + len(s.app) + len(s.call) + len(",,]}")
	return s
}

// method is one entry of step_up_methods. An empty value is null, as in the page's
// sample; an empty platform or source is left out.
type method struct{ name, value, platform, source string }

// appendMethods appends the entries of a channel: several apps give several.
// platform and source go to Visa only; without them, equal entries are one.
func (c *Codec) appendMethods(list []method, channel string, visa bool) []method {
	add := func(m method) {
		if !visa {
			m.platform, m.source = "", ""
			if slices.Contains(list, m) {
				return
			}
		}
		list = append(list, m)
	}
	switch {
	case channel == "sms" && c.cfg.SMS != nil:
		add(method{name: "OTPSMS", source: c.cfg.SMS.Source})
	case channel == "call" && c.cfg.Call != nil:
		add(method{name: "OTPCALL", value: c.cfg.Call.Number, source: c.cfg.Call.Source})
	case channel == "app":
		for _, app := range c.cfg.Apps {
			add(method{"OTPAPP", app.URL, string(app.Platform), app.Source})
		}
	}
	return list
}

// reply writes an answer without step-up methods: approve, action_code.
func reply(approve bool, action string) engine.Reply {
	w := canon.NewWriter(make([]byte, 0, 48))
	w.Object().Key("approve").Bool(approve).Key("action_code").String(action).EndObject()
	return engine.Reply{Status: statusOK, ContentType: contentType, Body: w.Bytes()}
}
