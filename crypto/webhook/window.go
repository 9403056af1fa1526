package webhook

import "time"

// windowed is a scheme that bounds the age of its messages.
type windowed interface {
	window() (maxAge, skew time.Duration)
}

func (p *pismo) window() (maxAge, skew time.Duration) { return p.acceptedAge(), p.skew }

// MaxAge returns how old a message may be when it is opened, clock differences
// aside; while CheckMaxAge is observed, that is ObserveMaxAge. A memory of replay
// keys must keep them for MaxAge and twice Skew.
func (v *Verifier) MaxAge() time.Duration {
	if w, ok := v.scheme.(windowed); ok {
		age, _ := w.window()
		return age
	}
	return MaxMaxAge
}

// Skew returns how far the sender's clock may differ from ours.
func (v *Verifier) Skew() time.Duration {
	if w, ok := v.scheme.(windowed); ok {
		_, skew := w.window()
		return skew
	}
	return MaxSkew
}
