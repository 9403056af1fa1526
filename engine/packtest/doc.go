// Package packtest runs the tests that stand beside the rules of a pack
// (tests/*_test.yaml) and measures which outcomes of which conditions they saw.
//
// It is what "issuant test" runs, and what a Go test of a pack can run by itself:
//
//	files, err := compile.Tests(fsys, pack)
//	...
//	report, err := packtest.Run(pack, files, packtest.Options{})
//	for _, r := range report.Results {
//		if r.Status == packtest.Failed {
//			t.Errorf("%s:%d: %s\n%s", r.File, r.Line, r.Name, strings.Join(r.Diff, "\n"))
//		}
//	}
//
// A run is deterministic: cases are decided in the order of files and cases, each
// at its own instant, and nothing is shared between them.
package packtest
