package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptCommands are what the scripts in testdata can say beside the usual.
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits":   cmdExits,
	"member":  cmdMember,
	"oneline": cmdOneLine,
	"signed":  cmdSigned,
	"schemes": cmdSchemes,
	"faults":  cmdFaults,

	"stdout_is": cmdStdoutIs,
}

// exits CODE issuant ARGS...: the command ends with exactly that code. Standard
// input comes from the file stdin.txt, where there is one; what is printed lands in
// the files stdout.txt and stderr.txt.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.Getenv("WORK")
	if dir := ts.Getenv("PWD"); dir != "" {
		cmd.Dir = dir
	}
	for _, name := range []string{"PATH", "HOME", "NO_COLOR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	for _, name := range strings.Fields(ts.Getenv("PASS")) {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	if in, err := os.Open(ts.MkAbs("stdin.txt")); err == nil {
		defer in.Close()
		cmd.Stdin = in
	}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	ts.Check(os.WriteFile(ts.MkAbs("stdout.txt"), []byte(out.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("stderr.txt"), []byte(errs.String()), 0o600))
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d\nstdout: %s\nstderr: %s", got, want, out.String(), errs.String())
	}
	if strings.Contains(errs.String(), "goroutine ") {
		ts.Fatalf("it panicked: %s", errs.String())
	}
}

// member LINE PATH WANT: the JSON object on that line of stdout.txt has, at a path
// of names and indices joined by dots, the value WANT (JSON, or bare text).
func cmdMember(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: member LINE PATH WANT")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	lines := strings.Split(strings.TrimRight(ts.ReadFile("stdout.txt"), "\n"), "\n")
	if n < 1 || n > len(lines) {
		ts.Fatalf("there are %d lines", len(lines))
	}
	var v any
	if err := json.Unmarshal([]byte(lines[n-1]), &v); err != nil {
		ts.Fatalf("line %d: %v: %s", n, err, lines[n-1])
	}
	for _, step := range strings.Split(args[1], ".") {
		switch at := v.(type) {
		case map[string]any:
			inner, ok := at[step]
			if !ok {
				ts.Fatalf("no member %q in %.300s", step, lines[n-1])
			}
			v = inner
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(at) {
				ts.Fatalf("no item %q in %.300s", step, lines[n-1])
			}
			v = at[i]
		default:
			ts.Fatalf("no member %q in %v", step, v)
		}
	}
	var want any
	if json.Unmarshal([]byte(args[2]), &want) != nil {
		want = args[2]
	}
	if reflect.DeepEqual(v, want) == neg {
		got, _ := json.Marshal(v)
		ts.Fatalf("%s is %.300s, want %s: %.300s", args[1], got, args[2], lines[n-1])
	}
}

// oneline: stderr.txt is exactly one line that starts with "issuant: ".
func cmdOneLine(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile("stderr.txt")
	if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "issuant: ") {
		ts.Fatalf("not one line: %q", text)
	}
}

// signed: key files, request messages and a batch stand in the work folder.
func cmdSigned(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(writePismo(ts.Getenv("WORK")))
}

// schemes: keys and a genuine request of every scheme stand in the work folder.
func cmdSchemes(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(writeSchemes(ts.Getenv("WORK")))
}

// stdout_is FILE: stdout.txt holds what FILE holds; UPDATE_SCRIPTS rewrites FILE.
func cmdStdoutIs(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: stdout_is FILE")
	}
	if got, want := ts.ReadFile("stdout.txt"), ts.ReadFile(args[0]); got != want {
		ts.Fatalf("differs from %s:\n%s", args[0], got)
	}
}

// faults NAME CODE: issuant serve --check --config NAME.yaml ends with that code; every
// line on standard error is one of ours, and there is one unless the code is 0.
func cmdFaults(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: faults NAME CODE")
	}
	ts.Check(os.Chmod(ts.MkAbs(args[0]+".yaml"), 0o600))
	cmdExits(ts, false, []string{args[1], "issuant", "serve", "--check", "--config", args[0] + ".yaml"})
	text := ts.ReadFile("stderr.txt")
	for _, line := range strings.SplitAfter(text, "\n") {
		if line != "" && !strings.HasPrefix(line, "issuant: ") {
			ts.Fatalf("%s: not a line of ours: %q", args[0], line)
		}
	}
	if (args[1] == "0") != (text == "") {
		ts.Fatalf("%s: exit code %s with %q", args[0], args[1], text)
	}
}
