package pismo

import (
	"fmt"

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
	return reply(false, actionSystem, nil)
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
		return reply(true, actionApproved, nil), nil
	case d.Outcome == rules.Red && declines[d.ActionCode]:
		return reply(false, d.ActionCode, nil), nil
	}
	return engine.Reply{}, fmt.Errorf("%w: %s with action code %q", ErrEncode, d.Outcome, d.ActionCode)
}

var declines = setOf(actionDeclined, actionInvalidPAN, actionCVV, actionExpiry)

func (c *Codec) challenge(ev *engine.Event, d *engine.Decision) (engine.Reply, error) {
	if d.ActionCode != actionChallenge {
		return engine.Reply{}, fmt.Errorf("%w: %s with action code %q", ErrEncode, d.Outcome, d.ActionCode)
	}
	visa := ev != nil && ev.Facts != nil && ev.Text("token.network") == "visa"
	var methods []method
	seen := map[string]bool{}
	for _, channel := range d.StepUp {
		offered := c.methods(channel, visa)
		if len(offered) == 0 || seen[channel] {
			return engine.Reply{}, fmt.Errorf("%w: the step-up channel %q is not configured, or stands twice", ErrEncode, channel)
		}
		seen[channel] = true
		methods = append(methods, offered...)
	}
	if len(methods) == 0 {
		return engine.Reply{}, fmt.Errorf("%w: %s without a step-up method", ErrEncode, d.Outcome)
	}
	return reply(!c.cfg.RejectedApproveFalse85, actionChallenge, methods), nil
}

// method is one entry of step_up_methods. An empty value is null, as in the page's
// sample; an empty platform or source is left out.
type method struct{ name, value, platform, source string }

// methods returns the entries of a channel: several apps give several entries.
// platform and source go to Visa only.
func (c *Codec) methods(channel string, visa bool) []method {
	var list []method
	switch {
	case channel == "sms" && c.cfg.SMS != nil:
		list = []method{{name: "OTPSMS", source: c.cfg.SMS.Source}}
	case channel == "call" && c.cfg.Call != nil:
		list = []method{{name: "OTPCALL", value: c.cfg.Call.Number, source: c.cfg.Call.Source}}
	case channel == "app":
		for _, app := range c.cfg.Apps {
			list = append(list, method{"OTPAPP", app.URL, string(app.Platform), app.Source})
		}
	}
	if visa {
		return list
	}
	return withoutVisa(list)
}

// withoutVisa drops what only Visa takes, and entries that are equal without it.
func withoutVisa(list []method) []method {
	var out []method
	seen := map[string]bool{}
	for _, m := range list {
		if m.platform, m.source = "", ""; !seen[m.value] {
			seen[m.value] = true
			out = append(out, m)
		}
	}
	return out
}

// reply writes the answer: approve, action_code, then step_up_methods where there
// are any.
func reply(approve bool, action string, methods []method) engine.Reply {
	w := canon.NewWriter(nil)
	w.Object().Key("approve").Bool(approve).Key("action_code").String(action)
	if len(methods) > 0 {
		w.Key("step_up_methods").Array()
		for _, m := range methods {
			w.Object().Key("method").String(m.name).Key("value").StringOrNull(m.value)
			if m.platform != "" {
				w.Key("platform").String(m.platform)
			}
			if m.source != "" {
				w.Key("source").String(m.source)
			}
			w.EndObject()
		}
		w.EndArray()
	}
	w.EndObject()
	return engine.Reply{Status: statusOK, ContentType: contentType, Body: w.Bytes()}
}
