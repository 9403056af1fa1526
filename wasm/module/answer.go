//go:build !issuant_verify

package module

import (
	"strconv"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// answering is what a ring needs to answer in a counterpart's words.
type answering struct {
	codec   *pismo.Codec
	engines map[uint32]*engine.Engine // by the pack's handle: with the step-up methods of the codec
}

// forgetPack lets go of what was made of a pack.
func (a *answering) forgetPack(handle uint32) { delete(a.engines, handle) }

// readPismo reads the codec's configuration.
func (a *answering) readPismo(o *object) error {
	o.only("ref_key", "sms", "apps", "call", "npl", "npl_programs", "trusted_findings", "requestors", "rejected_approve_false_85")
	cfg := pismo.Config{TrustedFindings: o.bool("trusted_findings"), RejectedApproveFalse85: o.bool("rejected_approve_false_85")}
	key := o.object("ref_key", true, "id", "secret_b64")
	if key != nil {
		material := key.bytes(nil, "secret_b64")
		defer clear(material)
		id := key.text("id", true)
		if o.take(key); o.err == nil {
			cfg.RefKey, o.err = secret.NewRefKey(id, material)
		}
	}
	if s := o.object("sms", false, "source"); s != nil {
		cfg.SMS = &pismo.SMS{Source: s.text("source", false)}
		o.take(s)
	}
	if s := o.object("call", false, "number", "source"); s != nil {
		cfg.Call = &pismo.Call{Number: s.text("number", true), Source: s.text("source", false)}
		o.take(s)
	}
	readApps(o, &cfg)
	cfg.NPL = o.npl(o.get("npl", strictjson.String, false))
	programs := o.get("npl_programs", strictjson.Object, false)
	for p, ok := programs.First(); ok && o.err == nil; p, ok = p.Next(programs) {
		if cfg.NPLPrograms == nil {
			cfg.NPLPrograms = map[string]pismo.NPL{}
		}
		cfg.NPLPrograms[owned(p.Name())] = o.npl(p)
	}
	readRequestors(o, &cfg)
	if o.err != nil {
		return o.err
	}
	codec, err := pismo.New(cfg)
	if err != nil {
		return err
	}
	a.codec, a.engines = codec, map[uint32]*engine.Engine{}
	return nil
}

func readApps(o *object, cfg *pismo.Config) {
	list := o.get("apps", strictjson.Array, false)
	for item, ok := list.First(); ok && o.err == nil; item, ok = item.Next(list) {
		app := &object{c: item, what: o.what + "apps."}
		app.only("url", "platform", "source")
		cfg.Apps = append(cfg.Apps, pismo.App{
			URL: app.text("url", true), Platform: pismo.Platform(app.text("platform", true)), Source: app.text("source", false),
		})
		o.take(app)
	}
}

func readRequestors(o *object, cfg *pismo.Config) {
	list := o.get("requestors", strictjson.Object, false)
	if list.Kind() == strictjson.Invalid {
		return // the default ones
	}
	cfg.Requestors = map[string]string{}
	for r, ok := list.First(); ok && o.err == nil; r, ok = r.Next(list) {
		if r.Kind() != strictjson.String {
			o.fail("requestors", "must hold strings")
		}
		cfg.Requestors[owned(r.Name())] = owned(r.Str())
	}
}

// npl reads what the finding NPL means; absent, it is decided by the card's type.
func (o *object) npl(c strictjson.Cursor) pismo.NPL {
	switch {
	case c.Kind() == strictjson.Invalid:
		return pismo.NPLByType
	case c.Str() == "yellow":
		return pismo.NPLYellow
	case c.Str() == "red":
		return pismo.NPLRed
	}
	o.fail("npl", "must be yellow or red")
	return pismo.NPLByType
}

// ErrCodec is a scheme for whose messages the ring has no codec.
var ErrCodec = code.New(code.Config, "module: the ring has no codec for this scheme; its member pismo sets one up")

func (m *instance) answer(c *call) error {
	p, err := m.callee(c.first)
	if err != nil {
		return err
	}
	r, v, err := m.verifying(c.second, c.in)
	if err != nil {
		return err
	}
	now := m.scratch.arrival.now
	if r.codec == nil || r.codec.Name() != m.scratch.arrival.scheme {
		return ErrCodec
	}
	e, err := r.engine(c.first, p)
	if err != nil {
		return err
	}
	msg, err := m.verified(v)
	if err != nil {
		return &unanswered{refused(err), engine.ReplyFor(err), nil}
	}
	decoded, err := r.codec.Decode(msg)
	if err != nil {
		return &unanswered{err, r.codec.SystemError(), msg}
	}
	d := e.Decide(decoded.Event, now)
	reply := r.codec.SystemError()
	if !d.SystemError {
		if reply, err = r.codec.Encode(decoded.Event, d); err != nil {
			return &unanswered{err, r.codec.SystemError(), msg}
		}
	}
	out := append(appendReply(append(m.out, '{'), reply), `,"unknown_fields":`...)
	out = append(strconv.AppendInt(out, int64(decoded.UnknownFields), 10), `,"message":{`...)
	out = append(m.scratch.sender.appendMessage(out, msg), `},"decision":`...)
	m.out = append(d.AppendJSON(out), '}')
	return nil
}

// engine returns the engine that decides with a pack and offers what the codec can say.
func (r *ring) engine(handle uint32, p *pack) (*engine.Engine, error) {
	if e := r.engines[handle]; e != nil {
		return e, nil
	}
	e, err := engine.New(p.engine.Pack(), engine.Options{Methods: r.codec.Methods()})
	if err == nil {
		r.engines[handle] = e
	}
	return e, err
}

// appendReply appends members with what goes back to the sender.
func appendReply(dst []byte, r engine.Reply) []byte {
	dst = strconv.AppendInt(append(dst, `"status":`...), int64(r.Status), 10)
	dst = canon.AppendString(append(dst, `,"content_type":`...), r.ContentType)
	return canon.AppendString(append(dst, `,"body":`...), string(r.Body))
}

// unanswered is a message that was not decided, with what goes back to its sender; msg
// is nil for one that was refused.
type unanswered struct {
	error
	reply engine.Reply
	msg   *webhook.Message
}

func (u *unanswered) Unwrap() error { return u.error }

func (u *unanswered) appendReply(dst []byte) []byte {
	dst = appendReply(append(dst, '{'), u.reply)
	if u.msg != nil {
		dst = append(new(sender).appendMessage(append(dst, `,"message":{`...), u.msg), '}')
	}
	dst = append(dst, `,"refusal":`...)
	if a, ok := u.error.(answer); ok {
		dst = a.appendReply(dst)
	} else {
		dst = appendError(dst, u.error)
	}
	return append(dst, '}')
}
