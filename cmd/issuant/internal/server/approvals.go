package server

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/approval"
	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
)

// waiting is a pack that was found and is not taken before enough people approve it.
type waiting struct {
	mu       sync.Mutex
	pack     *rules.Pack // nil: none waits
	from     string      // the kind of the part that names it: pack or config
	have     []string    // who has approved it
	required int
}

func (w *waiting) set(p *rules.Pack, from string, have ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pack, w.from, w.have = p, from, have
}

// end forgets the pack that waits, if that part named it.
func (w *waiting) end(from string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.from == from {
		w.pack, w.from, w.have = nil, "", nil
	}
}

func (w *waiting) get() (*rules.Pack, []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pack, w.have
}

func (w *waiting) missing() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pack == nil {
		return 0
	}
	return max(0, w.required-len(w.have))
}

// loadApprovers reads the public keys of the approvers. They are not secret, but who
// may write them may approve.
func loadApprovers(c *config.Config) (map[string]ed25519.PublicKey, []config.Fault) {
	if c.Approvals == nil {
		return nil, nil
	}
	return loadPeople(c.Place(config.ApprovalsKey), config.ApprovalsKey+".approvers", c.Approvals.Approvers)
}

// loadPeople reads the public keys of people whose signatures count. where is the place
// of the setting, key what the people stand under.
func loadPeople(where, key string, people []config.Approver) (map[string]ed25519.PublicKey, []config.Fault) {
	keys, faults := map[string]ed25519.PublicKey{}, []config.Fault(nil)
	owner := map[string]string{}
	for _, a := range people {
		place := where
		if file, _, ok := strings.Cut(place, ":"); ok && a.Line > 0 {
			place = fmt.Sprintf("%s:%d", file, a.Line)
		}
		text, err := readSmall(a.Key)
		if err == nil {
			err = checkTrusted(a.Key, true)
		}
		var public ed25519.PublicKey
		if err == nil {
			public, err = approval.ParsePublic(text)
		}
		if other := owner[string(public)]; err == nil && other != "" {
			err = fmt.Errorf("it is the key of %s too; one person would count twice", other)
		}
		if err != nil {
			faults = append(faults, fileFault(place, key+"."+a.Name, a.Key, err))
			continue
		}
		keys[a.Name], owner[string(public)] = public, a.Name
	}
	return keys, faults
}

// ApprovedBy returns who has approved a subject: those whose signatures match the keys
// of the configuration, whatever else the store holds.
func ApprovedBy(ctx context.Context, db store.Store, keys map[string]ed25519.PublicKey, what approval.Subject) ([]string, error) {
	list, err := db.Approvals(ctx, what.Pack)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, a := range list {
		s, err := approval.Verify([]byte(a.Signed), keys)
		if err != nil || s.Subject != what || s.Approver != a.Approver || s.Check(a.At) != nil || slices.Contains(names, a.Approver) {
			continue
		}
		names = append(names, a.Approver)
	}
	return names, nil
}

// count asks the store who has approved the pack of p.
func (s *Server) count(ctx context.Context, p *rules.Pack, keys map[string]ed25519.PublicKey) ([]string, error) {
	db := s.listStore()
	if db == nil {
		return nil, errors.New("the server keeps its memory in the process")
	}
	ctx, cancel := context.WithTimeout(ctx, listsTimeout)
	defer cancel()
	return ApprovedBy(ctx, db, keys, approval.SubjectOf(p))
}

// approvedAtStart refuses to start with a pack that not enough people approved.
func (s *Server) approvedAtStart(ctx context.Context, p *parts) []config.Fault {
	a := p.cfg.Approvals
	if a == nil {
		return nil
	}
	s.waits.required = a.Required
	bad := func(class config.Class, format string, args ...any) []config.Fault {
		return []config.Fault{{Place: p.cfg.Place(config.ApprovalsKey), Key: config.ApprovalsKey, Msg: fmt.Sprintf(format, args...), Class: class}}
	}
	have, err := s.count(ctx, p.pack, p.approvers)
	if err != nil {
		return bad(config.BadTests, "cannot be read from the store: %v", err)
	}
	if len(have) >= a.Required {
		return nil
	}
	all, err := s.listStore().Approvals(ctx, "")
	if err != nil {
		return bad(config.BadTests, "cannot be read from the store: %v", err)
	}
	if p.cfg.FirstPack && len(all) == 0 {
		s.log.Warn("UNSAFE: nobody approved the pack; the store holds no approval yet, and unsafe_first_pack is set", "pack_id", p.pack.ID())
		s.status.failed("approvals", "nobody approved the pack in force: the server was started with unsafe_first_pack", s.opt.Now())
		return nil
	}
	hint := ""
	if len(all) == 0 {
		hint = "; a first pack is taken with --unsafe-first-pack"
	}
	return bad(config.BadTests, "%s; approve it with: issuant pack approve --store URL%s", waitText(p.pack, have, a.Required), hint)
}

// waitText says what a pack waits for.
func waitText(p *rules.Pack, have []string, required int) string {
	who := ""
	if len(have) > 0 {
		who = " (" + strings.Join(have, ", ") + ")"
	}
	man := p.Manifest()
	return fmt.Sprintf("the pack %s %s, %s, has %d of %d approvals%s", man.Name, man.Version, p.ID(), len(have), required, who)
}

// awaitApproval tells why the pack of p cannot be taken yet, and waits for what it
// lacks. The pack in force needs no approval. from is the kind of the part that changed.
func (s *Server) awaitApproval(p *parts, from string) []config.Fault {
	a := p.cfg.Approvals
	if a == nil || approval.SubjectOf(p.pack) == approval.SubjectOf(s.parts.Load().pack) {
		s.waits.end(from)
		return nil
	}
	have, err := s.count(s.fetchCtx, p.pack, p.approvers)
	if err == nil && len(have) >= a.Required {
		s.waits.end(from)
		s.status.cleared("approvals")
		return nil
	}
	s.waits.set(p.pack, from, have...)
	msg := waitText(p.pack, have, a.Required)
	if err != nil {
		msg = "whether it was approved cannot be read: " + err.Error()
	}
	return []config.Fault{{Place: p.cfg.Place("pack"), Key: "pack", Msg: msg, Class: config.BadTests}}
}

// askAgain asks for another look when the pack that waits has what it lacked.
func (s *Server) askAgain(ctx context.Context) {
	p, before := s.waits.get()
	if p == nil {
		return
	}
	cur := s.parts.Load()
	have, err := s.count(ctx, p, cur.approvers)
	if err != nil || len(have) == len(before) && len(have) < cur.cfg.Approvals.Required {
		return
	}
	select {
	case s.again <- struct{}{}:
	default: // one is waiting already
	}
}

// lookAgain looks at a pack that was not taken, though its files are as they were.
func (s *Server) lookAgain() {
	for _, p := range s.watched {
		if p.kind == "pack" && p.tried != p.inForce {
			p.tried, p.stat, p.rest = "", "", ""
		}
	}
	if s.conf.tried != s.conf.inForce {
		s.conf.tried, s.conf.stat = "", ""
	}
	s.look(true)
}

// approve takes a signed statement. It may be about a pack that no server has seen
// yet: then that is taken as soon as it comes.
func (s *Server) approve(w http.ResponseWriter, r *http.Request, db store.Store) {
	p := s.parts.Load()
	if p.cfg.Approvals == nil {
		refuseAdmin(w, http.StatusConflict, "no_approvals", "this server asks for no approvals; its configuration has no approvers")
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, approval.MaxBytes))
	if err != nil {
		refuseAdmin(w, http.StatusRequestEntityTooLarge, "too_large", "the approval is longer than 4096 bytes")
		return
	}
	done, err := Approve(r.Context(), db, text, p.approvers, s.opt.Now())
	switch {
	case errors.Is(err, approval.ErrRefused):
		s.log.Warn("an approval was refused", "error", err)
		refuseAdmin(w, http.StatusUnprocessableEntity, "refused_signature", err.Error())
		return
	case err != nil:
		s.adminError(w, err)
		return
	}
	s.log.Info("a pack was approved", "pack_id", done.Pack, "approver", done.Approver, "record", done.Seq)
	s.askAgain(r.Context())
	have, err := ApprovedBy(r.Context(), db, p.approvers, approval.Subject{Pack: done.Pack, Lists: done.Lists})
	if err != nil {
		s.adminError(w, err)
		return
	}
	writeCanon(w, http.StatusOK, WriteApproval(canon.NewWriter(nil), done, have, p.cfg.Approvals.Required))
}

// WriteApproval writes what came of an approval: pack_id, lists_digest, record,
// approved_by and required.
func WriteApproval(w *canon.Writer, a store.Approval, have []string, required int) *canon.Writer {
	w.Object().Key("pack_id").String(a.Pack).Key("lists_digest").String(a.Lists).Key("record").Uint(a.Seq)
	return w.Key("approved_by").Strings(have).Key("required").Int(int64(required)).EndObject()
}

// LoadApprovers reads the keys of a configuration's approvers.
func LoadApprovers(c *config.Config) (map[string]ed25519.PublicKey, []config.Fault) {
	return loadApprovers(c)
}

// LoadSigners reads the keys of those who sign packs and rings.
func LoadSigners(signers []config.Approver) (map[string]ed25519.PublicKey, []config.Fault) {
	return loadPeople("", "signer", signers)
}

// Approve puts a signed statement into a store, after it was verified by the
// approvers' keys. Errors wrap approval.ErrRefused, or are the store's.
func Approve(ctx context.Context, db store.Store, text []byte, keys map[string]ed25519.PublicKey, now time.Time) (store.Approval, error) {
	text = bytes.TrimSpace(text)
	statement, err := approval.Verify(text, keys)
	if err == nil {
		err = statement.Check(now)
	}
	if err != nil {
		return store.Approval{}, err
	}
	a := store.Approval{Pack: statement.Pack, Lists: statement.Lists, Approver: statement.Approver, Signed: string(text), At: now.UTC()}
	a.Seq, err = db.PutApproval(ctx, a)
	return a, err
}

// getPacks tells which pack is in force, and which one waits for whom.
func (s *Server) getPacks(w http.ResponseWriter, r *http.Request, _ store.Store) {
	p := s.parts.Load()
	out := canon.NewWriter(nil).Object().Key("in_force")
	writePack(out, p.pack)
	next, have := s.waits.get()
	if out.EndObject().Key("waiting"); next == nil {
		out.Null()
	} else {
		writePack(out, next)
		out.Key("approved_by").Strings(have).Key("required").Int(int64(p.cfg.Approvals.Required)).EndObject()
	}
	writeCanon(w, http.StatusOK, out.EndObject())
}

// writePack begins an object.
func writePack(w *canon.Writer, p *rules.Pack) {
	what, man := approval.SubjectOf(p), p.Manifest()
	w.Object().Key("pack_id").String(what.Pack).Key("lists_digest").String(what.Lists).Key("name").String(man.Name).Key("version").String(man.Version)
}

// approvals tells whether the approvers' keys are in order, and whether the pack may be started with.
func (e *examination) approvals(ctx context.Context, p *parts) {
	a := e.c.Approvals
	if a == nil {
		return
	}
	keys, faults := loadApprovers(e.c)
	if len(faults) > 0 {
		e.faults(config.ApprovalsKey, faults)
		return
	}
	if p.pack == nil {
		return // why, another finding tells
	}
	db, err := store.Open(ctx, e.c.Store, store.Options{ReadOnly: true})
	if err != nil {
		e.add(config.ApprovalsKey, Warning, "the keys are in order; who approved the pack cannot be read from the store")
		return
	}
	defer func() { _ = db.Close() }() // it was only read
	have, err := ApprovedBy(ctx, db, keys, approval.SubjectOf(p.pack))
	switch {
	case err != nil:
		e.add(config.ApprovalsKey, Failed, "%v", err)
	case len(have) < a.Required:
		e.add(config.ApprovalsKey, Failed, "%s", waitText(p.pack, have, a.Required))
	default:
		e.add(config.ApprovalsKey, OK, "%s", waitText(p.pack, have, a.Required))
	}
}
