// Package store remembers: a Ledger that outlives the process, with the records of
// all messages in one hash chain, the replay memory with the stored answers, what
// velocity windows count, the entries of runtime lists, the approvals of packs,
// sealed data keys and the marks of signed files.
//
// Open takes a path or a URL. A path, or sqlite:PATH, is an SQLite file that one
// process owns; postgres://... is a database that several processes share: replays,
// velocity and the chain are then one for all of them.
//
//	s, err := store.Open(ctx, "state/issuant.db", store.Options{})
//	if err != nil { ... }
//	defer s.Close()
//	gate, err := engine.NewGate(engine.GateOptions{Ledger: s, ...})
//
// What messages leave behind is committed in groups: while one transaction runs,
// the entries that arrive wait for the next one. Begin and Commit are exact whatever
// fails: an entry whose Commit returned nil is there after a crash, with its record,
// its replay key and its answer, and no key is there twice.
//
// A store holds no card number: records are masked by construction, and windows
// and lists know references only. It does hold answers to counterparts until their
// retry window has passed.
package store
