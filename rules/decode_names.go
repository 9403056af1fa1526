package rules

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escaped goes on at i, where the first escape of a string stands, and decodes it
// into memory of the facts.
func (s *scanner) escaped(from, i int) (text string, next int) {
	w := s.work()
	start := len(w.text)
	for {
		run := i
		for i < len(s.b) && s.b[i] != '"' && s.b[i] != '\\' && s.b[i] >= ' ' {
			i++
		}
		if start == len(w.text) {
			run = from // the first time, with what stands before the escape
		}
		w.text = append(w.text, s.b[run:i]...)
		switch {
		case i >= len(s.b) || s.b[i] < ' ':
			return "", -1
		case s.b[i] == '"':
			text := w.text[start:len(w.text):len(w.text)]
			s.wide = slices.ContainsFunc(text, func(c byte) bool { return c >= utf8.RuneSelf })
			// What an escape gives is whole: it completes no bytes beside it.
			if s.wide && !utf8.Valid(text) {
				return "", -1
			}
			return view(text), i + 1
		}
		r, size := escape(s.b[i:])
		if size == 0 {
			return "", -1
		}
		w.text = utf8.AppendRune(w.text, r)
		i += size
	}
}

// escape decodes the escape at the start of b; size is 0 when it is none.
func escape(b string) (r rune, size int) {
	if len(b) < 2 {
		return 0, 0
	}
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if at := strings.IndexByte(from, b[1]); at >= 0 {
		return rune(to[at]), 2
	}
	r, ok := hex4(b)
	switch {
	case !ok:
		return 0, 0
	case !utf16.IsSurrogate(r):
		return r, 6
	}
	low, ok := hex4(b[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0 // a lone surrogate
	}
	return r, 12
}

func hex4(b string) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range []byte(b[2:6]) {
		switch {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// otherNames are the names of one open object that no table knows: the last count of
// decodeWork.names.
type otherNames struct {
	count int
	marks uint64 // a bit for each: nearly always tells that a name is new
}

// seenName is a name and the hash of its folded form.
type seenName struct {
	name string
	hash uint64
}

// smallObject is up to how many names are compared as they come; beyond, they are
// sorted at the end of the object, so that a hostile object of many names costs
// n log n.
const smallObject = 16

// other takes a name that t does not know, and refuses it where it stands twice, with
// or without regard to case.
func (s *scanner) other(t *nameTable, name string, hash uint64, others *otherNames) bool {
	if t != nil && !s.d.skip {
		return false
	}
	w := s.work()
	if s.wide {
		hash = foldedHash(name, w)
	}
	if t != nil {
		if t.fold(name, hash) != nil || t == s.d.top && s.d.dots.fold(name, hash) != nil {
			return false
		}
		s.passed.Unknown++
	}
	if bit := uint64(1) << (hash * spread >> 58); others.marks&bit == 0 {
		others.marks |= bit
	} else if others.count < smallObject {
		for _, have := range w.names[len(w.names)-others.count:] {
			if have.hash == hash && strings.EqualFold(have.name, name) {
				return false
			}
		}
	}
	w.names = append(w.names, seenName{name, hash})
	others.count++
	return true
}

// close ends an object at i; it returns -1 when one of its names stands twice.
func (s *scanner) close(i int, others *otherNames) int {
	if others.count > 0 && s.twiceNamed(others) {
		return -1
	}
	return i
}

// twiceNamed forgets the names of an object, and reports whether one stands twice.
func (s *scanner) twiceNamed(others *otherNames) bool {
	w := s.f.work
	own := w.names[len(w.names)-others.count:]
	w.names = w.names[:len(w.names)-others.count]
	if len(own) <= smallObject {
		clear(own)
		return false
	}
	slices.SortFunc(own, func(a, b seenName) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return compareFolded(a.name, b.name)
	})
	for i := range own[1:] {
		if own[i].hash == own[i+1].hash && strings.EqualFold(own[i].name, own[i+1].name) {
			return true
		}
	}
	clear(own)
	return false
}

// foldedHash is the hash of a name's folded form, which for ASCII is that of the name
// itself. Memory is taken from w, where there is one.
func foldedHash(name string, w *decodeWork) uint64 {
	var folded []byte
	if w != nil {
		folded = w.text[len(w.text):]
	}
	for _, r := range name {
		folded = utf8.AppendRune(folded, leastFold(r))
	}
	if w != nil && cap(folded) > cap(w.text)-len(w.text) {
		w.text = append(w.text, folded...)[:len(w.text)] // it has grown: the next one need not
	}
	return endsOf(view(folded)).hash()
}

// leastFold represents the class of runes that are equal without regard to case.
func leastFold(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

// compareFolded orders names by their folded forms.
func compareFolded(a, b string) int {
	for a != "" && b != "" {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		if c := cmp.Compare(leastFold(x), leastFold(y)); c != 0 {
			return c
		}
		a, b = a[n:], b[m:]
	}
	return cmp.Compare(len(a), len(b))
}

// own gives f texts and lists that nobody else will change.
func (f *Facts) own() {
	for i, text := range f.texts {
		f.texts[i] = strings.Clone(text)
	}
	for i, list := range f.lists {
		if list == nil {
			continue
		}
		f.lists[i] = make([]string, len(list))
		for k, item := range list {
			f.lists[i][k] = strings.Clone(item)
		}
	}
	f.borrowed = false
}
