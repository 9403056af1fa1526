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
	methods := make([]method, 0, 2+maxApps)
	for i, channel := range d.StepUp {
		n := len(methods)
		methods = c.appendMethods(methods, channel, visa)
		if len(methods) == n || slices.Contains(d.StepUp[:i], channel) {
			return engine.Reply{}, fmt.Errorf("%w: the step-up channel %q is not configured, or stands twice", ErrEncode, channel)
		}
	}
	if len(methods) == 0 {
		return engine.Reply{}, fmt.Errorf("%w: %s without a step-up method", ErrEncode, d.Outcome)
	}
	return reply(!c.cfg.RejectedApproveFalse85, actionChallenge, methods), nil
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

// reply writes the answer: approve, action_code, then step_up_methods where there
// are any.
func reply(approve bool, action string, methods []method) engine.Reply {
	w := canon.NewWriter(make([]byte, 0, 48+96*len(methods)))
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
