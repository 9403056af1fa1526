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
	spoken := c.spoken[0]
	if ev != nil && ev.Facts != nil && ev.Text("token.network") == "visa" {
		spoken = c.spoken[1]
	}
	if len(d.StepUp) == 0 {
		return engine.Reply{}, fmt.Errorf("%w: %s without a step-up method", ErrEncode, d.Outcome)
	}
	at := 0
	for _, channel := range d.StepUp {
		if at = spoken.next(at, channel); at < 0 {
			return engine.Reply{}, fmt.Errorf("%w: the step-up channel %q is not configured, or stands twice", ErrEncode, channel)
		}
	}
	return engine.Reply{Status: statusOK, ContentType: contentType, Body: spoken.answers[at]}, nil
}

// channels are those that Pismo knows. Where an answer stands among those of a network is
// a number of base 4: each channel that is offered is a digit, one more than its index here.
var channels = [...]string{"sms", "app", "call"}

// spoken are the challenges to one network, for all orders of all selections of the
// channels that are configured: there are 15 at most, so that they are written once, when
// the codec is made, and not for each message. A nil one is not to be said.
type spoken struct {
	answers [1 << (2 * len(channels))][]byte
}

// next returns where the answer stands that offers one channel more than the one at that
// place, -1 where there is none.
func (s *spoken) next(at int, channel string) int {
	for i, known := range channels {
		if channel != known {
			continue
		}
		if at = at<<2 + i + 1; at < len(s.answers) && s.answers[at] != nil {
			return at
		}
		break
	}
	return -1
}

// speak writes the challenges to one network.
func (c *Codec) speak(visa bool) *spoken {
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
	var offers [len(channels)]string
	for i, channel := range channels {
		offers[i] = entries(channel)
	}
	s := new(spoken)
	s.write(0, string(plain[:len(plain)-1])+`,"step_up_methods":[`, offers)
	return s
}

// write writes the answers that begin as the one at that place does, and go on with one of
// the offers; those that are empty are not made.
func (s *spoken) write(at int, begin string, offers [len(channels)]string) {
	for i, offer := range offers {
		if offer == "" {
			continue
		}
		next, text, rest := at<<2+i+1, begin+offer, offers
		rest[i] = ""
		s.answers[next] = slices.Clip([]byte(text + "]}"))
		s.write(next, text+",", rest)
	}
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
