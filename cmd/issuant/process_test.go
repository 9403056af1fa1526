package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// tool is the program as a process of its own.
func tool(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{"issuant"}, args...)
	cmd.Env = append(os.Environ(), "ISSUANT_TEST_MAIN=1")
	return cmd
}

func exitOf(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	ch := make(chan error, 1)
	go func() { ch <- cmd.Wait() }()
	select {
	case err := <-ch:
		var e *exec.ExitError
		if err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		cmd.Process.Kill()
		t.Fatal("it does not end")
	}
	return cmd.ProcessState.ExitCode()
}

func TestAReaderThatGoesAwayIsNoCrash(t *testing.T) {
	cmd := tool(t, "eval", "--stream", "-i", "-")
	cmd.Stdin = strings.NewReader(strings.Repeat("{}\n", 20_000))
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if code := exitOf(t, cmd); code != 0 || errs.Len() > 0 {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
}

func TestVerifyKeepsItsResultWhenTheReaderGoesAway(t *testing.T) {
	dir := t.TempDir()
	if err := writePismo(dir); err != nil {
		t.Fatal(err)
	}
	line := `{"id":"a","method":"POST","path":"/","headers":{},"body_b64":""}` + "\n"
	cmd := tool(t, "verify", "--scheme", "pismo", "--keys", dir+"/keys.json", "--batch", "-")
	cmd.Stdin = strings.NewReader(strings.Repeat(line, 20_000))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	bufio.NewReader(out).ReadString('\n')
	out.Close()
	if code := exitOf(t, cmd); code != exitRefused {
		t.Errorf("exit code %d", code)
	}
}

func TestAFullDiskIsUnavailable(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full here")
	}
	defer full.Close()
	for _, args := range [][]string{{"version"}, {"check"}, {"schema", "event"}, {"test"}, {"demo", "--once"}} {
		cmd := tool(t, args...)
		cmd.Stdout = full
		var errs strings.Builder
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if code := exitOf(t, cmd); code != exitUnavailable || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%v: exit code %d, %s", args, code, errs.String())
		}
	}
}

func TestAnInterruptEndsWith130(t *testing.T) {
	dir := t.TempDir()
	if err := writePismo(dir); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"eval", "--stream", "-i", "-"},
		{"explain", "-i", "-"},
		{"verify", "--scheme", "pismo", "--keys", dir + "/keys.json", "--batch", "-"},
	} {
		t.Run(args[0], func(t *testing.T) {
			cmd := tool(t, args...)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			var errs strings.Builder
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// More than a pipe holds: when it is written, the tool is reading.
			fmt.Fprint(in, strings.Repeat(" ", 256<<10))
			cmd.Process.Signal(os.Interrupt)
			if code := exitOf(t, cmd); code != exitInterrupted || errs.String() != "issuant: interrupted\n" {
				t.Errorf("exit code %d, %q", code, errs.String())
			}
		})
	}
}
