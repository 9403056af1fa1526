package source

import (
	"bytes"
	"os"
	"testing"
)

func TestGeneratedRulesAreOfToday(t *testing.T) {
	want, err := Text()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../rules.gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("plain/rules.gen.go is not what the rule set is: run go generate ./plain in benchmarks")
	}
}
