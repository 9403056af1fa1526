package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/keyfile"
	"github.com/issuant/issuant/cmd/issuant/internal/outfile"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
)

type rotateFlags struct {
	keySource
	id, newID, public string
	lead, overlap     seconds
	days              int
	prune             bool
}

func (a *app) keysRotateCmd() *cobra.Command {
	f := &rotateFlags{overlap: seconds(24 * time.Hour)}
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Add a key in the place of another, which ends after an overlap",
		Long: `Make a key of the same kind, use, algorithm and scheme as another of a JWK set, write both
into the file, and let the old one end. The new one is in force after --lead, the old one for
--overlap longer: so who verifies has the new key before it signs, and can still verify what
the old one signed. The file is replaced at once; serve and every Files source take it.

Hand out --public before --lead is over. A secret has to be handed to the other side.`,
		Example: `  issuant keys rotate --keys sign.jwks --id sign-2026 --new-id sign-2027 --lead 24h --overlap 48h --public sign.pub-2027.jwks`,
		RunE:    func(*cobra.Command, []string) error { return a.keysRotate(f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.keys, "keys", "", "JWK set `FILE` that is changed")
	fl.StringVar(&f.id, "id", "", "the `ID` of the key that ends (may be left out when there is one alone)")
	fl.StringVar(&f.newID, "new-id", "", "the `ID` of the new key")
	fl.Var(&f.lead, "lead", "how long until the new key is in force")
	fl.Var(&f.overlap, "overlap", "how long the old key stays in force after that")
	fl.IntVar(&f.days, "days", 0, "how many `DAYS` the new key is good for (default as long as the old one was, or for ever)")
	fl.StringVar(&f.public, "public", "", "new `FILE` for the public halves of all keys of the set")
	fl.BoolVar(&f.prune, "prune", false, "take keys out that have ended")
	a.nowFlag(cmd)
	return a.verb(cmd, "pretty", "json")
}

func (a *app) keysRotate(f *rotateFlags) error {
	const verb = "keys rotate"
	if f.keys == "" {
		return usage("%s: --keys is needed", verb)
	}
	if f.days < 0 || f.days > 36500 {
		return usage("%s: --days is not between 0 and 36500", verb)
	}
	now, err := a.instant()
	if err != nil {
		return err
	}
	keys, _, err := source.Load(f.keys, source.Options{Uses: source.AnyUse})
	if err != nil {
		return keyError("--keys", err)
	}
	set, err := newSet(verb, &newKeyFlags{into: f.keys})
	if err != nil {
		return err
	}
	old, err := f.pick(verb, keys, now)
	if err != nil {
		return err
	}
	next, err := f.successor(old, now)
	if err != nil {
		return fail(exitRefused, "%s: %w", verb, err)
	}
	if set.Find(next.ID) != nil {
		return usage("%s: there is a key %q already", verb, next.ID)
	}
	entry, err := keyfile.NewEntry(&next)
	if err != nil {
		return fail(exitRefused, "%s: %w", verb, err)
	}
	for _, member := range []string{"use", "key_ops"} { // as the old one has them
		if v, ok := set.Find(old.ID)[member]; ok {
			entry[member] = v
		}
	}
	end := next.NotBefore.Add(time.Duration(f.overlap))
	if old.NotAfter.IsZero() || old.NotAfter.After(end) {
		set.Find(old.ID).SetDate("exp", end)
	}
	set.Keys = append(set.Keys, entry)
	if f.prune {
		set.Keys = slices.DeleteFunc(set.Keys, func(e keyfile.Entry) bool {
			return slices.ContainsFunc(keys, func(k keyring.Key) bool { return k.ID == e.ID() && !k.NotAfter.IsZero() && now.After(k.NotAfter) })
		})
	}
	return a.writeRotated(verb, f, set, now)
}

// pick returns the key that is to end.
func (f *rotateFlags) pick(verb string, keys []keyring.Key, now time.Time) (*keyring.Key, error) {
	if f.id == "" {
		inForce := slices.DeleteFunc(slices.Clone(keys), func(k keyring.Key) bool { return k.Refused != "" || !k.ValidAt(now) })
		if len(inForce) != 1 {
			return nil, usage("%s: --id is needed: %d keys are in force", verb, len(inForce))
		}
		return &inForce[0], nil
	}
	for i := range keys {
		if keys[i].ID != f.id {
			continue
		}
		if keys[i].Refused != "" {
			return nil, fail(exitRefused, "%s: key %q is refused: %s; make a new one: issuant keys generate", verb, f.id, keys[i].Refused)
		}
		if keys[i].Secret.Len() == 0 && keys[i].Private.IsZero() {
			return nil, usage("%s: %s holds only the public half of %q; whoever has the private one rotates it", verb, f.keys, f.id)
		}
		return &keys[i], nil
	}
	return nil, usage("%s: there is no key %q", verb, f.id)
}

// successor makes the new key.
func (f *rotateFlags) successor(old *keyring.Key, now time.Time) (keyring.Key, error) {
	kind, err := keyfile.Like(old)
	if err != nil {
		return keyring.Key{}, err
	}
	next, err := kind.New()
	if err != nil {
		return next, err
	}
	next.ID, next.Use, next.Alg, next.Scheme = f.newID, old.Use, old.Alg, old.Scheme
	if next.ID == "" {
		next.ID = randomID(kind.Name)
	}
	next.NotBefore = now.Add(time.Duration(f.lead)).Truncate(time.Second)
	switch {
	case f.days > 0:
		next.NotAfter = next.NotBefore.AddDate(0, 0, f.days).Add(-1)
	case !old.NotBefore.IsZero() && !old.NotAfter.IsZero():
		next.NotAfter = next.NotBefore.Add(old.NotAfter.Sub(old.NotBefore))
	}
	return next, nil
}

func (a *app) writeRotated(verb string, f *rotateFlags, set *keyfile.Set, now time.Time) error {
	data := set.Bytes()
	defer clear(data)
	keys, _, err := source.Parse(data, source.Options{Uses: source.AnyUse})
	if err != nil {
		return fail(exitRefused, "%s: %w", verb, err)
	}
	rows := make([]keyRow, len(keys))
	for i := range keys {
		rows[i] = keyRowOf(&keys[i], now)
	}
	if f.public != "" {
		half := set.Public()
		if len(half.Keys) == 0 {
			return usage("%s: --public: secrets have no public half", verb)
		}
		if err := writeError("--public", f.public, outfile.New(f.public, half.Bytes(), outfile.Public)); err != nil {
			return err
		}
	}
	if err := outfile.Replace(f.keys, data); err != nil {
		removeOwn(f.public)
		return writeError("--keys", f.keys, err)
	}
	if a.format == "json" {
		return a.printJSONValue(map[string]any{"file": f.keys, "public_file": orNull(f.public), "keys": rows})
	}
	if err := a.printKeys(rows); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "\nwritten to %s\n", f.keys)
	return err
}
