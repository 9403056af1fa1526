package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/cmd/issuant/internal/records"
	"github.com/issuant/issuant/store"
)

const recordsHelp = `Read the records that serve, or an embedded gate, keeps of each message.

Records are lines of canonical JSON, each with the hash of the one before. They are
read from the store of serve (--store, as in its configuration; serve may run on) or
from a journal (--journal FILE, - for standard input). No record holds a card number
or other personal data in clear.`

// recordSource says where records are.
type recordSource struct{ journal, store string }

func (a *app) recordsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "records",
		Short: "Read records: follow, show, verify the chain, compare with the incumbent",
		Long:  recordsHelp,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			return usage("records: say what to do: %s", strings.Join(subverbs(cmd), ", "))
		},
	}
	cmd.AddCommand(a.recordsTailCmd(), a.recordsShowCmd(), a.recordsVerifyCmd(), a.recordsDiffCmd(), a.recordsAgesCmd())
	for _, sub := range cmd.Commands() {
		sub.Flags().SortFlags = false
	}
	return cmd
}

func subverbs(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return names
}

func (s *recordSource) flags(fl *pflag.FlagSet) {
	fl.StringVar(&s.journal, "journal", "", "read a journal: a `FILE` of lines, or - for standard input")
	fl.StringVar(&s.store, "store", "", "read a store: a SQLite file or postgres `URL` (default as for serve: issuant.db)")
}

// open opens what the flags, or the configuration, name.
func (a *app) openRecords(s *recordSource) (records.Source, error) {
	switch {
	case s.journal == "-":
		return &records.Journal{In: contextReader{a.ctx, a.in}}, nil
	case s.journal != "":
		info, err := os.Stat(s.journal)
		if err != nil {
			return nil, usage("--journal: %w", plainPathError(s.journal, err))
		}
		if info.IsDir() {
			return nil, usage("--journal: %s is a directory", s.journal)
		}
		return &records.Journal{Path: s.journal}, nil
	case s.store == config.MemoryStore:
		return nil, usage("the store %q ends with serve and cannot be read; give --journal or another --store", s.store)
	}
	url := s.store
	if url == "" {
		url = defaultStore
		if _, err := os.Stat(url); errors.Is(err, fs.ErrNotExist) {
			return nil, usage("no records: give --store or --journal (there is no %s here)", url)
		}
	}
	src, err := records.OpenStore(a.ctx, url)
	if err != nil {
		return nil, a.storeError(url, err)
	}
	return src, nil
}

// defaultStore is where serve keeps records unless it is told otherwise.
const defaultStore = "issuant.db"

// storeError gives a failure of a store its exit code.
func (a *app) storeError(url string, err error) error {
	switch {
	case a.ctx.Err() != nil:
		return a.ctx.Err()
	case errors.Is(err, store.ErrConfig):
		return usage("%s: %w", store.Redacted(url), err)
	case errors.Is(err, store.ErrDamaged):
		return fail(exitFailed, "%s: %w", store.Redacted(url), err)
	}
	return fail(exitUnavailable, "%s: %w", store.Redacted(url), err)
}

// readingError gives a failure while records are read its exit code.
func (a *app) readingError(s *recordSource, err error) error {
	var e *exitError
	switch {
	case err == nil, errors.Is(err, errPipe), errors.As(err, &e):
		return err
	case s.journal == "":
		return a.storeError(s.store, err)
	}
	return a.readError(s.journal, err)
}

// badRecord is a line that is no record.
func (s *recordSource) badRecord(t records.Text, err error) error {
	name := inputName(s.journal)
	if s.journal == "" {
		name = "the store"
	}
	return fail(exitInput, "%s: %s: %w", name, t.Place(), err)
}

// parse reads a visited line; its bytes are copied, so that it can be kept.
func (s *recordSource) parse(t records.Text) (*records.Line, error) {
	if t.Long {
		return nil, s.badRecord(t, errTooLong)
	}
	l, err := records.Parse([]byte(string(t.Bytes)))
	if err != nil && t.Torn {
		err = fmt.Errorf("it has no end, as after a crash: %w", err)
	}
	if err != nil {
		return nil, s.badRecord(t, err)
	}
	return l, nil
}

// filterFlags say which records are wanted.
func filterFlags(fl *pflag.FlagSet, f *records.Filter) {
	fl.StringSliceVar(&f.Outcome, "outcome", nil, "only decisions of this `COLOUR`; may stand several times")
	fl.StringSliceVar(&f.Refusal, "refusal", nil, "only messages refused for this `NAME`: signature, stale, repeat, ...")
	fl.StringSliceVar(&f.Rule, "rule", nil, "only decisions in which this rule hit: its `ID`")
	fl.StringSliceVar(&f.Counterpart, "counterpart", nil, "only messages of the counterpart of this `NAME`")
}

// checkFilter refuses what no record can match, so that a slip does not look like
// an empty journal.
func checkFilter(verb string, f *records.Filter) error {
	for _, o := range f.Outcome {
		if verdictsByName[o] == "" {
			return usage("%s: --outcome %q is not green, yellow, orange or red", verb, o)
		}
	}
	for _, r := range f.Refusal {
		if !refusalNames[r] {
			return usage("%s: --refusal %q is not the name of a refusal%s", verb, r, didYouMean(r, refusalNames))
		}
	}
	return nil
}
