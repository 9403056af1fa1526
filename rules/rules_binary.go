package rules

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/rules/logic"
)

// rulesBinary: uvarint, how many rules, then each: texts id, version, when, reason, action
// code, why, say, owner, since; u8 effect; u8 on_missing; u8 flags (1 sca, 2 tenured, 4
// no_app, 8 shadow, 16 until); uvarint weight; uvarint percent; varint until, in
// nanoseconds since 1970, if there is one; step_up and sources: uvarint, how many, and
// then each text.
func appendRules(dst []byte, list []Rule) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		r := &list[i]
		for _, s := range r.texts() {
			dst = appendText(dst, *s)
		}
		dst = append(dst, byte(r.Effect), byte(r.OnMissing), r.flags())
		dst = binary.AppendUvarint(dst, uint64(r.Weight))
		dst = binary.AppendUvarint(dst, uint64(r.Percent))
		if !r.Until.IsZero() {
			dst = binary.AppendVarint(dst, r.Until.UnixNano())
		}
		for _, texts := range [...][]string{r.StepUp, r.Sources} {
			dst = binary.AppendUvarint(dst, uint64(len(texts)))
			for _, s := range texts {
				dst = appendText(dst, s)
			}
		}
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// texts are the texts of a rule in the order of the binary form.
func (r *Rule) texts() [9]*string {
	return [...]*string{&r.ID, &r.Version, &r.When, &r.Reason, &r.ActionCode, &r.Why, &r.Say, &r.Owner, &r.Since}
}

const (
	flagSCA = 1 << iota
	flagTenured
	flagNoApp
	flagShadow
	flagUntil
)

func (r *Rule) flags() (flags byte) {
	set := func(flag byte, on bool) {
		if on {
			flags |= flag
		}
	}
	set(flagSCA, r.Require.SCA)
	set(flagTenured, r.Require.Tenured)
	set(flagNoApp, r.Require.NoApp)
	set(flagShadow, r.Shadow)
	set(flagUntil, !r.Until.IsZero())
	return flags
}

// readRules reads what appendRules writes, from a text that may be anyone's and of which
// the texts are parts. What it returns is yet to be checked.
func readRules(text string) (list []Rule, ok bool) {
	d := logic.NewDecoder(text)
	n := d.Uvarint()
	if n > uint64(len(text)) || n > MaxRules {
		return nil, false
	}
	list = make([]Rule, n)
	for i := range list {
		r := &list[i]
		for _, s := range r.texts() {
			*s = readText(d)
		}
		head := d.Skip(3)
		if d.Bad || head[0] > byte(EffectTag) || head[1] > byte(ErrorIt) || head[2] >= flagUntil<<1 {
			return nil, false
		}
		r.Effect, r.OnMissing = Effect(head[0]), OnMissing(head[1])
		r.setFlags(head[2])
		r.Weight, r.Percent = int64(d.Uvarint()), int(min(d.Uvarint(), 101)) // so that no platform cuts it to size
		if head[2]&flagUntil != 0 {
			r.Until = time.Unix(0, d.Varint()).UTC()
		}
		r.StepUp, r.Sources = readTexts(d), readTexts(d)
	}
	return list, !d.Bad && d.Left() == 0
}

func (r *Rule) setFlags(flags byte) {
	r.Require = Require{SCA: flags&flagSCA != 0, Tenured: flags&flagTenured != 0, NoApp: flags&flagNoApp != 0}
	r.Shadow = flags&flagShadow != 0
}

func readText(d *logic.Decoder) string {
	s := d.Text()
	if !utf8.ValidString(s) {
		d.Bad = true
	}
	return s
}

func readTexts(d *logic.Decoder) (list []string) {
	n := d.Uvarint()
	if n > uint64(d.Left()) { // each takes a byte at least
		d.Bad = true
		return nil
	}
	for range n {
		list = append(list, readText(d))
	}
	return list
}
