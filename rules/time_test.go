package rules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/rules"
)

// timeOracle is what ParseTime takes, by time.Parse.
func timeOracle(s string) (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || len(s) < len("2006-01-02T15:04:05Z") || s[13] != ':' || strings.Contains(s, ",") {
		return time.Time{}, false
	}
	if s[len(s)-1] != 'Z' {
		offset := s[len(s)-len("+00:00"):]
		if offset[1:3] > "23" || offset[4:] > "59" {
			return time.Time{}, false
		}
	}
	return at.UTC(), true
}

func sameTime(t testing.TB, s string) {
	t.Helper()
	want, wantOK := timeOracle(s)
	if at, ok := rules.ParseTime(s); ok != wantOK || at != want {
		t.Fatalf("%q: %v, %v; time.Parse: %v, %v", s, at, ok, want, wantOK)
	}
}

func TestParseTimeAgreesWithTimeParse(t *testing.T) {
	for at := time.Date(1699, 12, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2202; at = at.Add(23*time.Hour + 7*time.Minute + 3*time.Second + 123_456_789) {
		sameTime(t, at.Format(time.RFC3339Nano))
		sameTime(t, at.Format(time.DateOnly)+"T23:59:59Z")
	}
	for _, year := range []string{"0000", "1699", "1700", "1900", "2000", "2024", "2026", "2200", "2201", "9999"} {
		for month := range 14 {
			for day := range 33 {
				sameTime(t, year+"-"+pair(month)+"-"+pair(day)+"T10:00:00Z")
			}
		}
	}
	for n := range 100 {
		for _, form := range []string{"2026-11-23T@:00:00Z", "2026-11-23T10:@:00Z", "2026-11-23T10:00:@Z", "2026-11-23T10:00:00.@Z", "2026-11-23T10:00:00+@:00", "2026-11-23T10:00:00+00:@"} {
			sameTime(t, strings.Replace(form, "@", pair(n), 1))
		}
	}
}

func pair(n int) string { return string([]byte{'0' + byte(n/10), '0' + byte(n%10)}) }

// TestParseTimeAgreesOnDamagedTexts changes each byte of good texts to every other, and
// cuts them anywhere.
func TestParseTimeAgreesOnDamagedTexts(t *testing.T) {
	for _, s := range []string{"2026-11-23T10:00:00Z", "2024-02-29T23:59:59.25Z", "1969-12-31T00:00:00.123456789Z", "2026-11-23T10:00:00.1234567891Z", "2026-11-23T10:00:00.5+01:00", "2026-11-23T10:00:00Z "} {
		for i := range s {
			sameTime(t, s[:i])
			sameTime(t, s[:i]+s[i+1:])
			for c := range 256 {
				sameTime(t, s[:i]+string([]byte{byte(c)})+s[i+1:])
				sameTime(t, s[:i]+string([]byte{byte(c)})+s[i:])
			}
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-11-23T10:00:00Z", "2024-02-29T23:59:59.25Z", "1969-12-31T00:00:00.123456789Z", "2026-11-23T10:00:00.5+01:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { sameTime(t, s) })
}
