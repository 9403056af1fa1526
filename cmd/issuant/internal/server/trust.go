package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/approval"
	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/trust"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
)

// roots are whose signatures packs and rings need, and what opens sealed ones. Like the
// approvers they are those of the start: who may change the configuration cannot switch
// them off unseen.
type roots struct {
	packs, rings *trust.Root // nil: nobody's
	packName     string
	open         *seal.Identities // nil: nothing is opened
}

func loadRoots(c *config.Config) (*roots, []config.Fault) {
	r := &roots{}
	var faults []config.Fault
	root := func(of string, t *config.TrustRoot) *trust.Root {
		if t == nil {
			return nil
		}
		keys, more := loadPeople(c.Place(config.TrustKey), config.TrustKey+"."+of+".signers", t.Signers)
		if faults = append(faults, more...); len(more) > 0 {
			return nil
		}
		root, err := trust.NewRoot(t.Required, keys)
		if err != nil {
			faults = append(faults, config.Fault{Place: c.Place(config.TrustKey), Key: config.TrustKey + "." + of, Msg: err.Error(), Class: config.BadKeyFile})
		}
		return root
	}
	r.packs, r.rings = root("packs", c.Trust.Packs), root("rings", c.Trust.Rings)
	if c.Trust.Packs != nil {
		r.packName = c.Trust.Packs.Name
	}
	if c.OpenWith != "" {
		text, err := readSecret(c.OpenWith)
		if err == nil {
			r.open, err = seal.ParseIdentities(text)
			clear(text)
		}
		if err != nil {
			faults = append(faults, secretFault(c.Place("open_with"), "open_with", c.OpenWith, err))
		}
	}
	return r, faults
}

// isSealed tells whether a file is one of age, in either form.
func isSealed(data []byte) bool {
	return bytes.HasPrefix(data, []byte("age-encryption.org/")) || bytes.HasPrefix(data, []byte("-----BEGIN AGE ENCRYPTED FILE-----"))
}

// reveal opens a file where it is sealed.
func (r *roots) reveal(data []byte, most int64) ([]byte, error) {
	if !isSealed(data) {
		return data, nil
	}
	if r.open == nil {
		return nil, errors.New("it is sealed with age; set open_with to the key file that opens it")
	}
	in, err := seal.OpenStream(bytes.NewReader(data), r.open)
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(plain)) > most {
		err = fmt.Errorf("it is longer than %d bytes when it is opened", most)
	}
	return plain, err
}

// signed returns the content of a file that had to be signed; a nil artefact says that
// it had not.
func signed(root *trust.Root, setting string, data []byte, want trust.Want, now time.Time) ([]byte, *trust.Artefact, error) {
	if root == nil {
		if trust.IsSigned(data) {
			return nil, nil, fmt.Errorf("it is signed, and %s says by whom it should be", setting)
		}
		return data, nil, nil
	}
	a, err := root.Open(data, want, now)
	if err != nil {
		return nil, nil, err
	}
	return a.Content(), a, nil
}

// openPack returns the compiled pack that a file holds.
func (r *roots) openPack(data []byte, now time.Time) ([]byte, *trust.Artefact, error) {
	data, err := r.reveal(data, maxPackFile)
	if err != nil {
		return nil, nil, err
	}
	return signed(r.packs, "nothing in trust.packs", data, trust.Want{Kind: trust.Pack, Name: r.packName}, now)
}

// isAbout refuses a pack that is not the one that its statement names.
func isAbout(a *trust.Artefact, p *rules.Pack) error {
	if a == nil {
		return nil
	}
	s, is := a.Statement(), approval.SubjectOf(p)
	if s.PackID != is.Pack || s.Lists != is.Lists {
		return fmt.Errorf("%w: it names the pack %q, and holds %q", trust.ErrUnsigned, s.PackID, is.Pack)
	}
	return nil
}

// loadRing reads the keys of a counterpart by the rule of trust.rings.
func (r *roots) loadRing(c *config.Counterpart, now time.Time) (*keyring.Ring, []string, *trust.Artefact, error) {
	if r.rings == nil && !startsSigned(c.Keys) {
		ring, warnings, err := loadKeys(c.Keys, r.options(), now)
		return ring, warnings, nil, err
	}
	if isDir(c.Keys) {
		return nil, nil, nil, fmt.Errorf("%w: a folder has no signature; put the keys into one document and sign that", trust.ErrUnsigned)
	}
	if err := checkTrusted(c.Keys, true); err != nil {
		return nil, nil, nil, err
	}
	data, err := readSmall(c.Keys)
	if err == nil {
		data, err = r.reveal(data, source.MaxDocumentBytes)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	content, a, err := signed(r.rings, "nothing in trust.rings", data, trust.Want{Kind: trust.Ring, Name: c.Name}, now)
	if err != nil {
		return nil, nil, nil, err
	}
	keys, warnings, err := source.Parse(content, r.options())
	if err != nil {
		return nil, warnings, nil, placedKeys(c.Keys, err)
	}
	ring, err := ringOf(keys, now)
	return ring, warnings, a, err
}

// options are those of key documents.
func (r *roots) options() source.Options {
	opt := source.Options{}
	if r.open != nil {
		opt.Open = func(sealed []byte) ([]byte, error) {
			if isSealed(sealed) {
				return r.reveal(sealed, source.MaxDocumentBytes)
			}
			return seal.Open(r.open, strings.TrimSpace(string(sealed)))
		}
	}
	return opt
}

// startsSigned looks at the beginning of a file alone; what is wrong with it otherwise,
// its reader tells.
func startsSigned(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 64)
	n, _ := io.ReadFull(f, head)
	return trust.IsSigned(head[:n])
}

// placeOfRing is where the marks of a counterpart's keys are kept.
func placeOfRing(counterpart string) string { return "keys/" + counterpart }

const placeOfPack = "pack"

// marked is what a signed file has to follow; nil when none was taken before.
func marked(ctx context.Context, db store.Store, place, name string) (*trust.Mark, error) {
	marks, err := db.Marks(ctx, place)
	if err != nil {
		return nil, err
	}
	for _, m := range marks { // the newest first
		if name == "" || m.Name == name {
			return &trust.Mark{Name: m.Name, Revision: m.Revision, SHA256: m.SHA256}, nil
		}
	}
	return nil, nil
}

// wanted is the name that the signed file in a place has to have.
func (p *parts) wanted(place string) string {
	if place == placeOfPack {
		return p.roots.packName
	}
	return strings.TrimPrefix(place, "keys/")
}

// signedPlaces lists the places whose files are signed, sorted.
func (p *parts) signedPlaces() []string { return slices.Sorted(maps.Keys(p.signed)) }

// follow tells which signed files of p do not follow those that were taken before, by
// this process or another one. With raise, it notes those of p, before they are in
// force: a crash in between refuses an old file too much, never one too few.
func (s *Server) follow(ctx context.Context, p *parts, raise bool) []config.Fault {
	if len(p.signed) == 0 {
		return nil
	}
	db := s.listStore()
	if db == nil {
		return nil // Check, which opens no store
	}
	ctx, cancel := context.WithTimeout(ctx, listsTimeout)
	defer cancel()
	var faults []config.Fault
	for _, place := range p.signedPlaces() {
		if err := s.followOne(ctx, db, p, place, raise); err != nil {
			faults = append(faults, config.Fault{Place: p.cfg.Place(config.TrustKey), Key: place, Msg: err.Error(), Class: config.BadKeyFile})
		}
	}
	return faults
}

func (s *Server) followOne(ctx context.Context, db store.Store, p *parts, place string, raise bool) error {
	a, name := p.signed[place], p.wanted(place)
	last, err := marked(ctx, db, place, name)
	if err != nil {
		return err
	}
	if err := a.Follows(last); err != nil {
		return err
	}
	if m := a.Mark(); raise && (last == nil || *last != m) {
		_, err := db.PutMark(ctx, store.Mark{Place: place, Name: m.Name, Revision: m.Revision, SHA256: m.SHA256, At: s.opt.Now().UTC()})
		return err
	}
	return nil
}

// expiries tells of signed files that are in force and end soon or have ended. They
// stay in force: to stop deciding would be worse than to decide by rules that somebody
// holds back. A restart, or a reload, refuses them.
func (s *Server) expiries() {
	p := s.parts.Load()
	for _, place := range p.signedPlaces() {
		st := p.signed[place].Statement()
		check, left := "signed/"+place, st.Expires.Sub(s.opt.Now())
		if left >= expirySoon {
			s.status.cleared(check)
			continue
		}
		msg := fmt.Sprintf("%s, revision %d, %s at %s; sign a newer one before the next restart", st.Name, st.Revision, map[bool]string{true: "ended", false: "ends"}[left <= 0], st.Expires.Format(time.RFC3339))
		if s.status.failed(check, msg, s.opt.Now()) {
			s.log.Warn("a signed file is out of date soon", "part", place, "message", msg)
		}
	}
}

// logSigned says who signed what is in force.
func (s *Server) logSigned(p *parts, places ...string) {
	for _, place := range places {
		if a := p.signed[place]; a != nil {
			st := a.Statement()
			s.log.Info("signed", "part", place, "name", st.Name, "revision", st.Revision, "signed_by", a.SignedBy(), "expires", st.Expires.Format(time.RFC3339))
		}
	}
}

// trust tells who signed what, and whether it follows what was taken before.
func (e *examination) trust(ctx context.Context, p *parts) {
	if len(p.signed) == 0 {
		return
	}
	db, err := store.Open(ctx, e.c.Store, store.Options{ReadOnly: true})
	if err == nil {
		defer func() { _ = db.Close() }() // it was only read
	}
	for _, place := range p.signedPlaces() {
		a := p.signed[place]
		st := a.Statement()
		text := fmt.Sprintf("%s, revision %d, signed by %s, good until %s", st.Name, st.Revision, strings.Join(a.SignedBy(), ", "), st.Expires.Format(time.RFC3339))
		check := "signed/" + place
		if err != nil {
			e.add(check, Warning, "%s; whether a newer one was taken before cannot be read from the store", text)
			continue
		}
		last, merr := marked(ctx, db, place, p.wanted(place))
		if merr == nil {
			merr = a.Follows(last)
		}
		switch {
		case merr != nil:
			e.add(check, Failed, "%s: %v", text, merr)
		case st.Expires.Sub(e.now) < expirySoon:
			e.add(check, Warning, "%s", text)
		default:
			e.add(check, OK, "%s", text)
		}
	}
}
