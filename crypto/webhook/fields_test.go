package webhook

import (
	"slices"
	"testing"
)

// TestFieldsAndHeaderBelongTogether: values come in the same order whether they stand in
// Header, one by one in Fields, or in both.
func TestFieldsAndHeaderBelongTogether(t *testing.T) {
	want := []string{"1", "2", "3", "4"}
	for name, r := range map[string]Request{
		"header": {Header: map[string][]string{"X-SIG": {"1"}, "X-Sig": {"2", "3"}, "x-sig": {"4"}, "y": {"no"}}},
		"fields": {Fields: []Field{{"x-sig", "4"}, {"X-Sig", "2"}, {"y", "no"}, {"X-Sig", "3"}, {"X-SIG", "1"}}},
		"both":   {Header: map[string][]string{"X-Sig": {"2"}, "x-sig": {"4"}}, Fields: []Field{{"X-Sig", "3"}, {"X-SIG", "1"}}},
	} {
		if got := r.values("x-sIG"); !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
		if got := r.values("z"); got != nil {
			t.Errorf("%s: a header that is not there has the values %v", name, got)
		}
	}
}

// TestManyFieldsCostNoMemoryOfTheirSquare: a sender repeats the header that is asked for.
func TestManyFieldsCostNoMemoryOfTheirSquare(t *testing.T) {
	r := Request{Fields: slices.Repeat([]Field{{"X-Sig", "a"}}, 256)}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			r.values("x-sig")
		}
	})
	if n := result.AllocedBytesPerOp(); n > 64<<10 {
		t.Errorf("256 values of one header take %d bytes", n)
	}
}
