package rules

import "math/bits"

// set is a set of members of a group, which are numbered: 64 blocks of 64. What is kept
// is the blocks that have members, so that few members take little memory wherever they
// are, and most sets that have none in common are told by their blocks.
type set struct {
	blocks uint64 // bit by block: it has members
	at     uint64 // of several blocks: where their words begin, in order; of one: its word
}

// maxGroup is how many members a group has at most.
const maxGroup = 64 * 64

// What the place of a set says where it is none.
const (
	everyone  = 1 << 63 // the set is all members, of several blocks
	unknownAt = 1       // of no block: all that must be told when they are unknown
)

var unknown = set{at: unknownAt}

// single tells whether a set has one block.
func (s set) single() bool { return s.blocks&(s.blocks-1) == 0 }

// sets is memory for the words of sets.
type sets struct{ words []uint64 }

// word returns the members of a block, which is one bit.
func (m *sets) word(s set, block uint64) uint64 {
	switch {
	case s.blocks&block == 0:
		return 0
	case s.single():
		return s.at
	}
	return m.words[uint32(s.at)+uint32(bits.OnesCount64(s.blocks&(block-1)))]
}

// keep adds the members of a bitmap.
func (m *sets) keep(bitmap []uint64) set {
	s, from, last := set{}, len(m.words), uint64(0)
	for i, w := range bitmap {
		if w != 0 {
			s.blocks |= 1 << i
			last = w
			m.words = append(m.words, w)
		}
	}
	return m.placed(s, from, last)
}

// keepList adds the members of a sorted list.
func (m *sets) keepList(list []uint16) set {
	s, from, word := set{}, len(m.words), uint64(0)
	for k, i := range list {
		word |= 1 << (i & 63)
		if k+1 == len(list) || list[k+1]>>6 != i>>6 {
			s.blocks |= 1 << (i >> 6)
			m.words = append(m.words, word)
			if k+1 < len(list) {
				word = 0
			}
		}
	}
	return m.placed(s, from, word)
}

// placed completes a set whose words stand from an index on; the word of a set of one
// block stands in it.
func (m *sets) placed(s set, from int, word uint64) set {
	if s.at = uint64(from); s.single() {
		s.at, m.words = word, m.words[:from]
	}
	return s
}
