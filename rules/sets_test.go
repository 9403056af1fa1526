package rules

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSetsHoldWhatWasPutIn keeps sets of all densities, as lists and as bitmaps.
func TestSetsHoldWhatWasPutIn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 64))
	var m sets
	type kept struct {
		set
		list []uint16
	}
	var all []kept
	for range 2000 {
		members, in := 1+r.IntN(maxGroup), 0
		bitmap := make([]uint64, (members+63)/64)
		for in = r.IntN(1 << r.IntN(13)); in > 0; in-- {
			i := r.IntN(members)
			bitmap[i>>6] |= 1 << (i & 63)
		}
		var list []uint16
		eachBit(bitmap, func(i int) { list = append(list, uint16(i)) })
		all = append(all, kept{m.keep(bitmap), list}, kept{m.keepList(list), list})
	}
	for _, k := range all {
		var got []uint16
		for b := range 64 {
			word := []uint64{m.word(k.set, 1<<b)}
			eachBit(word, func(i int) { got = append(got, uint16(b<<6+i)) })
			if (word[0] != 0) != (k.blocks>>b&1 != 0) {
				t.Fatalf("block %d of %v is %x", b, k.list, word[0])
			}
		}
		if !slices.Equal(got, k.list) || m.size(k.set) != len(k.list) {
			t.Fatalf("kept %v, got %v", k.list, got)
		}
	}
}

// TestPlanRefusesMembersThatAreNotThere: bytes from outside may name any.
func TestPlanRefusesMembersThatAreNotThere(t *testing.T) {
	slot := slotIndex{typ: Bool}
	slot.fill(nil)
	for _, c := range []struct {
		name  string
		lists []uint16
		words []uint64
		found span
		ok    bool
	}{
		{"sorted list", []uint16{1, 2, 65}, nil, span{0, 3}, true},
		{"list out of order", []uint16{2, 1, 65}, nil, span{0, 3}, false},
		{"member twice", []uint16{2, 2, 65}, nil, span{0, 3}, false},
		{"bitmap", nil, []uint64{7, 1<<36 - 1}, span{0, bitmap}, true},
		{"bitmap of one member too many", nil, []uint64{7, 1 << 36}, span{0, bitmap}, false},
		{"bitmap of the last block alone", nil, []uint64{0, 1 << 63}, span{0, bitmap}, false},
	} {
		x := index{slots: []slotIndex{slot}, groups: []group{{claims: make([]claim, 100), words: 2,
			entries: []entry{{lists: c.lists, words: c.words, regions: []span{c.found}}}}}}
		if ok := x.complete(1000); ok != c.ok {
			t.Errorf("%s: %v", c.name, ok)
		}
	}
	x := index{slots: []slotIndex{slot}, groups: []group{{claims: make([]claim, 100), words: 2,
		entries: []entry{{words: []uint64{1, 1}, absent: span{0, bitmap}, regions: []span{{0, bitmap}}}}}}}
	if x.complete(2) {
		t.Error("sets of more words than allowed were taken")
	}
}
