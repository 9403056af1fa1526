package engine

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/issuant/issuant/rules"
)

// Observation is what a Window keeps of one form of one event: references, times
// and findings, no personal data and no account data.
type Observation struct {
	ID        string // of the event, never empty
	Card      string // card.ref
	Device    string // device.ref
	Holder    string // holder.ref
	Requestor string // token.requestor_id
	BIN       string // card.bin
	At        time.Time
	Observed  time.Time // since when it was known
	Attempt   bool      // it counts; see Window
	CVVFail   bool
	Failure   bool // an external failure; see Window
}

// ObservationOf returns what a Window counts of the event as it was known at the
// instant observed. Its time is its fact at, or observed when it has none. An event
// without id is an ErrObserve.
func ObservationOf(ev *Event, observed time.Time) (Observation, error) {
	if ev == nil || ev.Facts == nil {
		return Observation{}, ErrObserve
	}
	o := Observation{
		ID: ev.Text("id"), Card: ev.Text("card.ref"), Device: ev.Text("device.ref"), Holder: ev.Text("holder.ref"),
		Requestor: ev.Text("token.requestor_id"), BIN: ev.Text("card.bin"),
		At: observed, Observed: observed, CVVFail: ev.Text("verify.cvv") == "fail",
	}
	if o.ID == "" {
		return Observation{}, ErrObserve
	}
	if at, ok := ev.Get("at").(time.Time); ok {
		o.At = at
	}
	switch ev.Text("kind") {
	case "", "authorize", "check_eligibility", "provision":
		o.Attempt = true
	}
	o.Failure = o.CVVFail || ev.Get("card.expiry_match") == false || ev.Text("verify.avs_postal") == "fail" ||
		ev.Text("verify.avs_street") == "fail" || ev.Text("wallet.recommendation") == "decline" ||
		slices.ContainsFunc(ev.Guards, func(g Guard) bool { return g.Outcome == rules.Red })
	return o, nil
}

// observationFormat is the first byte of an encoded observation.
const observationFormat = 1

const (
	flagAttempt = 1 << iota
	flagCVVFail
	flagFailure
	flagsKnown = flagAttempt | flagCVVFail | flagFailure
)

// Append appends the binary form of o, which DecodeObservation reads: for stores.
// Forms tell their own length, so that they can stand one after another. A text
// longer than MaxObservationText bytes is cut there, and an instant outside of the
// years 0 to 9999 is moved to their edge.
func (o *Observation) Append(dst []byte) []byte {
	var flags byte
	for i, set := range [...]bool{o.Attempt, o.CVVFail, o.Failure} {
		if set {
			flags |= 1 << i
		}
	}
	dst = append(dst, observationFormat, flags)
	dst = appendInstant(appendInstant(dst, o.At), o.Observed)
	for _, s := range o.texts() {
		text := (*s)[:min(len(*s), MaxObservationText)]
		dst = append(binary.AppendUvarint(dst, uint64(len(text))), text...)
	}
	return dst
}

func (o *Observation) texts() [6]*string {
	return [...]*string{&o.ID, &o.Card, &o.Device, &o.Holder, &o.Requestor, &o.BIN}
}

func appendInstant(dst []byte, t time.Time) []byte {
	sec := min(max(t.Unix(), minInstant), maxInstant)
	return binary.AppendUvarint(binary.AppendVarint(dst, sec), uint64(t.Nanosecond()))
}

// DecodeObservation reads the first observation of data and returns what follows
// it. There is one form of each observation; everything else is an ErrObservation.
// Times come back in UTC.
func DecodeObservation(data []byte) (o Observation, rest []byte, err error) {
	d := observationDecoder{rest: data}
	format, flags := d.byte(), d.byte()
	if d.bad || format != observationFormat || flags&^flagsKnown != 0 {
		return Observation{}, nil, fmt.Errorf("%w: it is of an unknown format", ErrObservation)
	}
	o.Attempt, o.CVVFail, o.Failure = flags&flagAttempt != 0, flags&flagCVVFail != 0, flags&flagFailure != 0
	o.At, o.Observed = d.instant(), d.instant()
	texts := o.texts()
	var ends [len(texts)][2]int
	for i := range ends {
		ends[i] = d.text(len(data))
	}
	if d.bad || ends[0][0] == ends[0][1] {
		return Observation{}, nil, fmt.Errorf("%w: it is damaged", ErrObservation)
	}
	all := string(data[:len(data)-len(d.rest)]) // one allocation for six texts
	for i, s := range texts {
		*s = all[ends[i][0]:ends[i][1]]
	}
	return o, d.rest, nil
}

// observationDecoder remembers that something was wrong, so that it is asked once.
type observationDecoder struct {
	rest []byte
	bad  bool
}

func (d *observationDecoder) byte() byte {
	if len(d.rest) == 0 {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

// uvarint takes the shortest form only.
func (d *observationDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || n > 1 && d.rest[n-1] == 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// The seconds between which encoded instants lie: the years 0 to 9999.
const (
	minInstant = -62167219200
	maxInstant = 253402300799
)

func (d *observationDecoder) instant() time.Time {
	zigzag := d.uvarint()
	sec, nano := int64(zigzag>>1)^-int64(zigzag&1), d.uvarint()
	if sec < minInstant || sec > maxInstant || nano >= 1e9 {
		d.bad = true
		return time.Time{}
	}
	return time.Unix(sec, int64(nano)).UTC()
}

// text returns where the next text begins and ends, in data of that length.
func (d *observationDecoder) text(length int) (ends [2]int) {
	n := d.uvarint()
	if n > MaxObservationText || n > uint64(len(d.rest)) {
		d.bad = true
		return ends
	}
	from := length - len(d.rest)
	d.rest = d.rest[n:]
	return [2]int{from, from + int(n)}
}
