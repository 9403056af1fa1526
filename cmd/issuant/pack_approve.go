package main

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/approval"
	"github.com/issuant/issuant/cmd/issuant/internal/server"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/crypto/trust"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
)

const packHelp = `Sign packs, approve the rules that servers are to take, and see which ones wait.

Where the configuration has trust.packs, serve takes a pack only as a file that so many
of the named people have signed, within its dates, and never an older one than before:

    trust:
      packs: {required: 1, signers: {build: build.pub}}

Where the configuration has approvals, serve takes a pack only after so many of the
named people have approved it, rules and lists together, each with a key of their own:

    approvals:
      required: 2
      approvers: {ana: ana.pub, ben: ben.pub, eva: eva.pub}

    (umask 077; openssl genpkey -algorithm ed25519 -out ana.key)
    openssl pkey -in ana.key -pubout -out ana.pub

Whoever approves compiles the pack and signs what came of it, so they approve what they
have before them and not what somebody says it is. A pack may be approved before it is
deployed. Each approval is a line in the chain of records.`

// approveFlags are those of pack approve.
type approveFlags struct {
	adminFlags
	store, key, approver string
	direct               bool
}

func (a *app) packCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pack",
		Short: "Sign and approve the rules that servers are to take",
		Long:  packHelp,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			return usage("pack: say what to do: %s", strings.Join(subverbs(cmd), ", "))
		},
	}
	cmd.AddCommand(a.signedCmds(trust.Pack)...)
	cmd.AddCommand(a.packApproveCmd(), a.packShowCmd())
	for _, sub := range cmd.Commands() {
		sub.Flags().SortFlags = false
	}
	return cmd
}

func (a *app) packApproveCmd() *cobra.Command {
	f := &approveFlags{}
	cmd := &cobra.Command{
		Use:   "approve",
		Short: "Sign that a pack may be taken",
		Long: `Compile a pack, sign its id and the digest of its lists, and hand that to a server at its
admin address, or with --store to the store itself, where no server runs that could take it.`,
		Example: `  issuant pack approve --pack packs/2026-12 --approver ana --key ana.key`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.packApprove(cmd, f) },
	}
	cmd.Flags().StringVar(&a.pack, "pack", "", "what is approved: a `DIR` or compiled FILE")
	cmd.Flags().StringVar(&f.approver, "approver", "", "who approves: the `NAME` that the server's configuration has")
	cmd.Flags().StringVar(&f.key, "key", "", "`FILE` with the approver's private key, PEM, for its owner alone")
	f.register(cmd)
	cmd.Flags().StringVar(&f.store, "store", "", "not through a server: the SQLite file or postgres `URL` itself; approvers are those of --config")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { f.direct = cmd.Flags().Changed("store") }
	return a.verb(cmd, "pretty", "json")
}

func (a *app) packApprove(cmd *cobra.Command, f *approveFlags) error {
	if f.approver == "" || f.key == "" {
		return usage("pack approve: --approver and --key are needed")
	}
	if a.pack == "" {
		return usage("pack approve: --pack is needed: name what is approved")
	}
	key, err := readApproverKey(f.key)
	if err != nil {
		return err
	}
	p, err := a.loadPack()
	if err != nil {
		return err
	}
	signed := approval.Sign(key, approval.SubjectOf(p), f.approver, time.Now())
	var text []byte
	if f.direct {
		text, err = a.approveDirect(cmd, f, signed)
	} else {
		text, err = a.callAdmin(&f.adminFlags, http.MethodPost, "/v1/packs/approvals", signed)
	}
	if err != nil || a.format == "json" {
		return a.printJSON(text, err)
	}
	return a.printApproval(p, text)
}

func (a *app) printApproval(p *rules.Pack, text []byte) error {
	var done struct {
		Record   uint64
		By       []string `json:"approved_by"`
		Required int
	}
	if err := json.Unmarshal(text, &done); err != nil {
		return fail(exitUnavailable, "the answer is not one of issuant's")
	}
	man := p.Manifest()
	_, err := fmt.Fprintf(a.out, "%s %s, %s: %d of %d approvals, %s (record %d)\n",
		man.Name, man.Version, p.ID(), len(done.By), done.Required, term.Safe(strings.Join(done.By, ", ")), done.Record)
	return err
}

func readApproverKey(name string) (ed25519.PrivateKey, error) {
	text, err := server.ReadSecret(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("--key: %w", plainPathError(name, err))
	}
	if err != nil {
		return nil, fail(exitRefused, "--key: %w", plainPathError(name, err))
	}
	key, err := approval.ParsePrivate(text)
	if err != nil {
		return nil, fail(exitRefused, "--key: %s: %w", name, err)
	}
	return key, nil
}

// approveDirect does what the server would do, by the same configuration.
func (a *app) approveDirect(cmd *cobra.Command, f *approveFlags, signed []byte) ([]byte, error) {
	opt, err := a.serverOptions(cmd, rawFlags{})
	if err != nil {
		return nil, err
	}
	c, _ := opt.Load() // what else may be wrong with it, serve tells
	if c.Approvals == nil {
		return nil, usage("pack approve: the configuration has no approvals, or they are not in order; --config names the one of serve")
	}
	keys, faults := server.LoadApprovers(c)
	if len(faults) > 0 {
		return nil, faultList(faults)
	}
	s, err := a.openStore(f.store, true)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	done, err := server.Approve(a.ctx, s, signed, keys, time.Now())
	if errors.Is(err, approval.ErrRefused) {
		return nil, fail(exitRefused, "%w", err)
	}
	if err != nil {
		return nil, a.storeError(f.store, err)
	}
	have, err := server.ApprovedBy(a.ctx, s, keys, approval.Subject{Pack: done.Pack, Lists: done.Lists})
	if err != nil {
		return nil, a.storeError(f.store, err)
	}
	return server.WriteApproval(canon.NewWriter(nil), done, have, c.Approvals.Required).Bytes(), nil
}

func (a *app) packShowCmd() *cobra.Command {
	f := &adminFlags{}
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print which pack a server decides with, and which one waits for whom",
		RunE:  func(*cobra.Command, []string) error { return a.packShow(f) },
	}
	f.register(cmd)
	return a.verb(cmd, "pretty", "json")
}

type shownPack struct {
	ID            string `json:"pack_id"`
	Name, Version string
	By            []string `json:"approved_by"`
	Required      int
}

func (a *app) packShow(f *adminFlags) error {
	text, err := a.callAdmin(f, http.MethodGet, "/v1/packs", nil)
	if err != nil || a.format == "json" {
		return a.printJSON(text, err)
	}
	var all struct {
		InForce shownPack  `json:"in_force"`
		Waiting *shownPack `json:"waiting"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return fail(exitUnavailable, "the answer is not one of issuant's")
	}
	line := func(what string, p *shownPack) string {
		return fmt.Sprintf("%s  %s %s, %s", what, term.Safe(p.Name), term.Safe(p.Version), term.Safe(p.ID))
	}
	out := line("in force", &all.InForce) + "\n"
	if w := all.Waiting; w != nil {
		out += fmt.Sprintf("%s: %d of %d approvals %s\n", line("waits   ", w), len(w.By), w.Required, term.Safe(strings.Join(w.By, ", ")))
	}
	_, err = fmt.Fprint(a.out, out)
	return err
}
