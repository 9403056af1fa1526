package records

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/issuant/issuant/engine"
)

// ParseAnchor reads SEQ:HASH, a place of a chain as Verify reports it.
func ParseAnchor(s string) (engine.Chain, error) {
	seq, hash, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(seq, 10, 63)
	if !ok || err != nil || n == 0 || len(hash) != 64 || strings.Trim(hash, "0123456789abcdef") != "" {
		return engine.Chain{}, fmt.Errorf("%q is not SEQ:HASH, the number of a record and the 64 hexadecimal digits of its hash", s)
	}
	return engine.Chain{Seq: n, Hash: hash}, nil
}

// Verdict is what Verify found.
type Verdict struct {
	Records uint64       // that follow each other
	Begin   engine.Chain // the place before the first of them
	Head    engine.Chain // the end of the good part
	Bad     string       // what is wrong after it; "" when nothing is
	Place   string       // of the first bad line: "line 7"; "" when it is no line
}

var errStop = errors.New("stop")

// Verify follows the chain of a source to its end. With an anchor, a place that was
// noted earlier, it also sees what the chain alone cannot: that lines were cut off
// at the end, or that all of it was written anew. An anchor may also be the place
// before the first line, for a journal that goes on after another.
func Verify(ctx context.Context, src Source, anchor engine.Chain) (*Verdict, error) {
	begin, end, err := src.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	v := &Verdict{}
	if begin != nil {
		v.Begin, v.Head = *begin, *begin
	}
	first, met := begin == nil, anchor.Seq == 0 || begin != nil && samePlace(*begin, anchor)
	w := Walk{After: v.Head.Seq}
	err = src.Each(ctx, w, func(t Text) error {
		if end != nil && v.Head.Seq == end.Seq {
			return errStop // written since
		}
		if first {
			first = false
			if l, err := Parse(t.Bytes); err == nil && l.Seq > 1 && l.Seq == anchor.Seq+1 {
				v.Begin, v.Head, met = anchor, anchor, true
			} else if err == nil && l.Seq > 1 {
				return v.bad(t, fmt.Sprintf("the chain begins at record %d; give the place before it with --after", l.Seq))
			}
		}
		switch {
		case t.Long:
			return v.bad(t, "the line is too long")
		case t.Torn:
			return v.bad(t, "the last line has no end")
		}
		next, err := v.Head.Follow(t.Bytes)
		if err != nil {
			if chain, ok := errors.AsType[*engine.ChainError](err); ok {
				return v.bad(t, chain.Msg)
			}
			return err
		}
		v.Head = next
		v.Records++
		if next.Seq == anchor.Seq {
			if met = next.Hash == anchor.Hash; !met {
				return v.bad(t, "its hash is not the one of the anchor: the chain was written anew")
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, err
	}
	switch {
	case v.Bad != "":
	case end != nil && end.Seq == v.Head.Seq && end.Hash != v.Head.Hash:
		v.Bad = fmt.Sprintf("the last record, %d, is not the one that the store's head names", end.Seq)
	case end != nil && !samePlace(*end, v.Head):
		v.Bad = fmt.Sprintf("the store says that record %d is the last; the chain ends at %d", end.Seq, v.Head.Seq)
	case !met && anchor.Seq <= v.Begin.Seq:
		v.Bad = fmt.Sprintf("the chain begins after record %d, so the anchor cannot be held against it", v.Begin.Seq)
	case !met:
		v.Bad = fmt.Sprintf("the chain ends at record %d, before the anchor %d: lines were cut off", v.Head.Seq, anchor.Seq)
	}
	return v, nil
}

func samePlace(a, b engine.Chain) bool { return a.Seq == b.Seq && a.Hash == b.Hash }

func (v *Verdict) bad(t Text, msg string) error {
	v.Bad, v.Place = msg, t.Place()
	return errStop
}
