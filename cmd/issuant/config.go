package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/rules"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	configFile    = "issuant.yaml"
	maxConfigFile = 1 << 20 // bytes, inclusive
)

// perRun are the flags that belong to one run; they are never configuration.
var perRun = map[string]bool{
	"help": true, "config": true, "input": true, "request": true, "batch": true, "what-if": true,
	"once": true, "run": true, "decision": true, "stream": true, "all": true, "output": true, "check": true, "diff": true, "explain": true, "events": true, "profile": true, "report": true, "benchtime": true, "count": true, "top": true,
	"journal": true, "after": true, "lines": true, "follow": true, "outcome": true, "refusal": true, "rule": true,
	"counterpart": true, "examples": true, "identity": true, "who": true, "why": true, "until": true, "key": true, "approver": true, "device-id": true,
	"revision": true, "not-before": true, "expires": true, "name": true, "force": true, "signer": true, "required": true,
	"recipient": true, "recipients-file": true, "passphrase-file": true, "member": true, "armor": true,
}

// ownFlag annotates flags that are never configuration though another verb has one of
// the same name that is: the scheme of a new key is not that of verify.
const ownFlag = "issuant_own"

// ownFlags marks the flags of a verb's verbs as never configuration, but the shared ones.
func ownFlags(cmd *cobra.Command, shared ...string) {
	for _, sub := range cmd.Commands() {
		sub.Flags().SortFlags = false
		sub.Flags().VisitAll(func(f *pflag.Flag) {
			if !oneOf(f.Name, shared) {
				f.Annotations = map[string][]string{ownFlag: {}}
			}
		})
	}
}

// configure fills the flags of cmd that were not given: from ISSUANT_* variables,
// then from the configuration file. A variable that no flag of any verb has the
// name of is ignored: platforms inject their own (ISSUANT_SERVICE_HOST and the like).
func (a *app) configure(cmd *cobra.Command) error {
	if a.config == "" {
		a.config = a.getenv("ISSUANT_CONFIG")
	}
	file, err := a.readConfig(cmd.Root())
	if err != nil {
		return err
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if failed != nil || f.Changed || perRun[f.Name] || f.Annotations[ownFlag] != nil {
			return
		}
		key := strings.ReplaceAll(f.Name, "-", "_")
		if v := a.getenv("ISSUANT_" + strings.ToUpper(key)); v != "" {
			values := []string{v}
			if _, many := f.Value.(pflag.SliceValue); many {
				values = strings.Split(v, ",")
			}
			failed = entry{"ISSUANT_" + strings.ToUpper(key), values}.set(f)
			f.Changed = true
			return
		}
		if e, ok := file[key]; ok {
			failed = e.set(f)
			f.Changed = true
		}
	})
	return failed
}

// entry is one key of the configuration file, or one variable.
type entry struct {
	place  string // file:line, or the variable's name
	values []string
}

func (e entry) set(f *pflag.Flag) error {
	if _, many := f.Value.(pflag.SliceValue); !many && len(e.values) != 1 {
		return usage("%s: %s takes one value", e.place, strings.ReplaceAll(f.Name, "-", "_"))
	}
	for _, v := range e.values {
		if err := f.Value.Set(v); err != nil {
			return usage("%s: %w", e.place, err)
		}
	}
	return nil
}

// readConfig reads the file strictly: keys that no verb knows are errors.
func (a *app) readConfig(root *cobra.Command) (map[string]entry, error) {
	name, required := a.config, true
	if name == "" {
		name, required = configFile, false
	}
	data, err := readFile(name, maxConfigFile)
	if errors.Is(err, fs.ErrNotExist) && !required {
		return nil, nil
	}
	if err != nil {
		return nil, usage("configuration: %w", err)
	}
	return parseConfig(name, data, knownKeys(root))
}

func knownKeys(root *cobra.Command) []string {
	seen := map[string]bool{}
	var keys []string
	for _, cmd := range append(root.Commands(), root) {
		visit := func(f *pflag.Flag) {
			key := strings.ReplaceAll(f.Name, "-", "_")
			if !perRun[f.Name] && !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
		cmd.Flags().VisitAll(visit)
		cmd.PersistentFlags().VisitAll(visit)
	}
	return keys
}

func parseConfig(name string, data []byte, known []string) (map[string]entry, error) {
	m, fault := config.Document(name, data)
	if fault != nil {
		return nil, usage("%s", fault)
	}
	if m == nil {
		return nil, nil
	}
	out, faults := map[string]entry{}, faultList{}
	for i := 0; i < len(m.Content); i += 2 {
		k, v := m.Content[i], m.Content[i+1]
		place := fmt.Sprintf("%s:%d", name, k.Line)
		bad := func(format string, args ...any) {
			faults = append(faults, config.Fault{Place: place, Msg: fmt.Errorf(format, args...).Error()})
		}
		if k.Value == config.CounterpartsKey || k.Value == config.ApprovalsKey || k.Value == config.TrustKey || k.Value == config.ProvisionKey {
			continue // they are read by serve alone
		}
		if !oneOf(k.Value, known) {
			hint := ""
			if near := rules.Nearest(k.Value, known); near != "" {
				hint = fmt.Sprintf(", did you mean %q?", near)
			}
			bad("unknown key %q%s", k.Value, hint)
			continue
		}
		if _, twice := out[k.Value]; twice {
			bad("key %q stands twice", k.Value)
			continue
		}
		values, err := config.Scalars(v)
		if err != nil {
			bad("%s: %w", k.Value, err)
			continue
		}
		out[k.Value] = entry{place, values}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return out, nil
}

// faultList is everything that is wrong with a configuration, a line each.
type faultList []config.Fault

func (l faultList) Error() string {
	lines := make([]string, len(l))
	for i, f := range l {
		lines[i] = f.String()
	}
	return strings.Join(lines, "; ")
}

// code is the exit code: settings have to be right before files can be judged, and
// keys before rules.
func (l faultList) code() int {
	has := map[config.Class]bool{}
	for _, f := range l {
		has[f.Class] = true
	}
	switch {
	case has[config.BadSetting]:
		return exitUsage
	case has[config.BadKeyFile]:
		return exitRefused
	case has[config.BadRules]:
		return exitCompile
	}
	return exitFailed
}

// readFile reads a regular file, or what a pipe gives, of at most limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, plainPathError(name, err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, fmt.Errorf("%s is a directory", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, plainPathError(name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: %w of %d bytes", name, errTooLong, limit)
	}
	return data, nil
}

// errTooLong is wrapped when a file is longer than its bound.
var errTooLong = errors.New("longer than the limit")

// plainPathError says "FILE: no such file or directory" without the system call's name.
func plainPathError(name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", name, pe.Err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// parseTime reads RFC 3339 or Unix seconds within the years that events may have.
func parseTime(s string) (time.Time, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if t := time.Unix(n, 0).UTC(); n > math.MinInt32*4 && n < math.MaxInt32*4 && inRange(t) {
			return t, nil
		}
		return time.Time{}, fmt.Errorf("%q is outside the years 1700 to 2200", s)
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither RFC 3339 (2026-11-23T10:00:00Z) nor Unix seconds", s)
	}
	if !inRange(t.UTC()) {
		return time.Time{}, fmt.Errorf("%q is outside the years 1700 to 2200", s)
	}
	return t.UTC(), nil
}

func inRange(t time.Time) bool { return t.Year() >= 1700 && t.Year() <= 2200 }

// seconds is a flag that takes a Go duration ("5m") or whole seconds ("300").
type seconds time.Duration

func (s *seconds) String() string { return time.Duration(*s).String() }

func (s *seconds) Type() string { return "duration" }

func (s *seconds) Set(text string) error {
	d, err := time.ParseDuration(text)
	if n, nerr := strconv.ParseInt(text, 10, 32); nerr == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || d < 0 {
		return fmt.Errorf("%q is neither a duration (5m) nor whole seconds", text)
	}
	*s = seconds(d)
	return nil
}
