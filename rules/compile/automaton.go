package compile

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
)

// Bounds of an automaton, inclusive. Patterns beyond them are left to package regexp; few
// that people write are.
const (
	maxAutomatonInsts  = 256
	maxAutomatonStates = 128
)

// States that end the search. The search begins in state begin.
const (
	found uint8 = iota
	hopeless
	begin
)

// automaton is the pattern as a table: one look-up a byte, where package regexp takes
// several times as long to begin as most facts have characters. It reads ASCII alone.
type automaton struct {
	class [128]uint8 // characters that no part of the pattern tells apart
	width int        // classes
	next  []uint8    // by state and class
	end   []bool     // by state: whether a text that ends here matches
}

// match reports whether a text matches; ok is false when it is not ASCII.
func (a *automaton) match(text string) (matched, ok bool) {
	state := begin
	for i := range len(text) {
		c := text[i]
		if c >= 128 {
			return false, false
		}
		if state = a.next[int(state)*a.width+int(a.class[c])]; state < begin {
			return state == found, true
		}
	}
	return a.end[state], true
}

// automatonOf returns nil for patterns beyond the bounds, and for those that ask for the
// borders of words or lines.
func automatonOf(re *syntax.Regexp) *automaton {
	prog, err := syntax.Compile(re.Simplify())
	if err != nil || len(prog.Inst) > maxAutomatonInsts {
		return nil
	}
	for _, in := range prog.Inst {
		const known = syntax.EmptyBeginText | syntax.EmptyEndText
		if in.Op == syntax.InstEmptyWidth && syntax.EmptyOp(in.Arg)&^known != 0 {
			return nil
		}
	}
	b := &automatonBuilder{prog: prog, ids: map[string]uint8{}, sets: make([][]uint32, begin)}
	b.classify()
	return b.build()
}

// automatonBuilder follows all ways through a program at once: a state is the set of
// instructions that wait for a character, or for the end of the text.
type automatonBuilder struct {
	automaton
	prog  *syntax.Prog
	first []rune // of each class
	sets  [][]uint32
	ids   map[string]uint8
}

// classify finds the characters that the same instructions accept.
func (b *automatonBuilder) classify() {
	classes := map[string]uint8{}
	for c := range rune(len(b.class)) {
		var accept []byte
		for i := range b.prog.Inst {
			if takes(&b.prog.Inst[i], c) {
				accept = binary.AppendUvarint(accept, uint64(i))
			}
		}
		id, known := classes[string(accept)]
		if !known {
			id = uint8(len(classes))
			classes[string(accept)] = id
			b.first = append(b.first, c)
		}
		b.class[c] = id
	}
	b.width = len(classes)
}

func takes(in *syntax.Inst, c rune) bool {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return in.MatchRune(c)
	}
	return false
}

func (b *automatonBuilder) build() *automaton {
	start := uint32(b.prog.Start)
	set, matched := b.reach([]uint32{start}, syntax.EmptyBeginText)
	if matched {
		set = nil // the table is not looked at: the empty text, and so every text, matches
	}
	b.sets = append(b.sets, set)
	b.end = make([]bool, begin, maxAutomatonStates)
	b.next = make([]uint8, int(begin)*b.width)
	for id := int(begin); id < len(b.sets); id++ {
		if len(b.sets) > maxAutomatonStates {
			return nil
		}
		at := syntax.EmptyEndText
		if id == int(begin) {
			at |= syntax.EmptyBeginText
		}
		_, ends := b.reach(b.sets[id], at)
		b.end = append(b.end, ends || matched)
		for _, c := range b.first {
			to := found
			if !matched {
				to = b.step(b.sets[id], c)
			}
			b.next = append(b.next, to)
		}
	}
	a := b.automaton
	return &a
}

// step is the state after a character. A match may begin behind it.
func (b *automatonBuilder) step(set []uint32, c rune) uint8 {
	from := []uint32{uint32(b.prog.Start)}
	for _, pc := range set {
		if in := &b.prog.Inst[pc]; takes(in, c) {
			from = append(from, in.Out)
		}
	}
	set, matched := b.reach(from, 0)
	switch {
	case matched:
		return found
	case len(set) == 0:
		return hopeless
	}
	var key []byte
	for _, pc := range set {
		key = binary.AppendUvarint(key, uint64(pc))
	}
	id, known := b.ids[string(key)]
	if !known && len(b.sets) <= maxAutomatonStates {
		id = uint8(len(b.sets))
		b.ids[string(key)] = id
		b.sets = append(b.sets, set)
	}
	return id
}

// reach follows everything that takes no character, at a place in the text, and returns
// what waits there, sorted.
func (b *automatonBuilder) reach(from []uint32, at syntax.EmptyOp) (set []uint32, matched bool) {
	seen := make([]bool, len(b.prog.Inst))
	for todo := slices.Clone(from); len(todo) > 0; {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		in := &b.prog.Inst[pc]
		switch in.Op {
		case syntax.InstMatch:
			matched = true
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, in.Out)
		case syntax.InstEmptyWidth:
			if need := syntax.EmptyOp(in.Arg); need&^at == 0 {
				todo = append(todo, in.Out)
			} else if need&^at&syntax.EmptyBeginText == 0 {
				set = append(set, pc)
			}
		case syntax.InstFail:
		default:
			set = append(set, pc)
		}
	}
	slices.Sort(set)
	return set, matched
}
