package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/lists"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/store"
)

const (
	maxAdminBody = 16 << 10         // bytes, inclusive; of a change or an approval
	adminTimeout = 10 * time.Second // for the store to take a change
	maxHistory   = 1000             // changes of one answer, inclusive; the newest
)

// operatorRoutes answer operators who change lists or approve packs. They ask for the token on loopback
// too: whoever may run a program on the machine may not therefore decide on cards.
func (s *Server) operatorRoutes(mux *http.ServeMux) {
	handle := func(pattern string, h func(w http.ResponseWriter, r *http.Request, db store.Store)) {
		mux.Handle(pattern, s.withToken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			db := s.listStore()
			if db == nil {
				refuseAdmin(w, http.StatusConflict, "no_store", "this server keeps its memory in the process; runtime lists and approvals need a store")
				return
			}
			ctx, cancel := context.WithTimeout(r.Context(), adminTimeout)
			defer cancel()
			h(w, r.WithContext(ctx), db)
		})))
	}
	handle("GET /v1/lists", s.getLists)
	handle("GET /v1/lists/{name}", s.getList)
	handle("GET /v1/lists/{name}/history", s.getHistory)
	handle("POST /v1/lists/{name}", func(w http.ResponseWriter, r *http.Request, db store.Store) { s.changeList(w, r, db, "") })
	handle("DELETE /v1/lists/{name}", func(w http.ResponseWriter, r *http.Request, db store.Store) {
		s.changeList(w, r, db, lists.Remove)
	})
	handle("GET /v1/packs", s.getPacks)
	handle("POST /v1/packs/approvals", s.approve)
	for _, rest := range []string{"/v1/lists", "/v1/lists/", "/v1/packs", "/v1/packs/"} {
		mux.Handle(rest, s.withToken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			refuseAdmin(w, http.StatusNotFound, "not_found", "there is no such path or method")
		})))
	}
}

// withToken lets a request through that has the token; without a configured token none has.
func (s *Server) withToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.parts.Load().hasToken || !s.trusted(r) {
			w.Header().Set("Connection", "close") // nobody has to read its body
			unauthorized(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func refuseAdmin(w http.ResponseWriter, status int, name, msg string) {
	out := canon.NewWriter(nil).Object().Key("error").String(name).Key("message").String(msg).EndObject()
	writeCanon(w, status, out)
}

func writeCanon(w http.ResponseWriter, status int, out *canon.Writer) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(out.Bytes(), '\n'))
}

// adminError answers what a change or a reading came to.
func (s *Server) adminError(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, lists.ErrUnknown):
		refuseAdmin(w, http.StatusNotFound, "unknown_list", err.Error())
	case errors.Is(err, lists.ErrChange), errors.Is(err, store.ErrConfig):
		refuseAdmin(w, http.StatusUnprocessableEntity, "refused", err.Error())
	default:
		s.log.Warn("an operator's request failed", "error", err)
		refuseAdmin(w, http.StatusServiceUnavailable, "store", err.Error())
	}
}

// getLists tells which lists are in force, without their values.
func (s *Server) getLists(w http.ResponseWriter, _ *http.Request, _ store.Store) {
	s.lists.mu.Lock()
	out, err := lists.WriteAll(canon.NewWriter(nil), s.lists.pack, s.lists.overlay)
	s.lists.mu.Unlock() // before a reader that is slow
	if err != nil {
		s.adminError(w, err)
		return
	}
	writeCanon(w, http.StatusOK, out)
}

// getList tells the runtime entries of a list, as the store has them now. The
// pack's own are in the pack.
func (s *Server) getList(w http.ResponseWriter, r *http.Request, db store.Store) {
	p, name := s.parts.Load().pack, r.PathValue("name")
	if err := lists.CheckName(p, name); err != nil {
		s.adminError(w, err)
		return
	}
	entries, err := db.ListEntries(r.Context(), name)
	if err != nil {
		s.adminError(w, err)
		return
	}
	own := lists.Own(p, name)
	laid, err := lists.Lay(name, own, entries)
	if err != nil {
		s.adminError(w, err)
		return
	}
	writeCanon(w, http.StatusOK, lists.View{Name: name, Own: own, Laid: laid, Entries: entries, Now: s.opt.Now()}.Write(canon.NewWriter(nil)))
}

func (s *Server) getHistory(w http.ResponseWriter, r *http.Request, db store.Store) {
	name := r.PathValue("name")
	changes, more, err := lists.History(r.Context(), db, name, maxHistory)
	if err == nil && len(changes) == 0 { // a list that a pack had once may have a history
		err = lists.CheckName(s.parts.Load().pack, name)
	}
	if err != nil {
		s.adminError(w, err)
		return
	}
	writeCanon(w, http.StatusOK, lists.WriteHistory(canon.NewWriter(nil), name, changes, more))
}

// readAdmin reads the body of a request; false after an answer.
func (s *Server) readAdmin(w http.ResponseWriter, r *http.Request) (strictjson.Value, bool) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		// A form of a web page cannot send this type without the browser asking first.
		refuseAdmin(w, http.StatusUnsupportedMediaType, "content_type", "the body is to be application/json")
		return strictjson.Value{}, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdminBody))
	if err != nil {
		status, name := http.StatusBadRequest, "body"
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status, name = http.StatusRequestEntityTooLarge, "too_large"
		}
		refuseAdmin(w, status, name, "the body cannot be read, or is longer than 16 KiB")
		return strictjson.Value{}, false
	}
	v, err := strictjson.Parse(body, strictjson.Limits{MaxBytes: maxAdminBody})
	if err != nil || v.Kind != strictjson.Object {
		refuseAdmin(w, http.StatusBadRequest, "json", "the body is not one JSON object")
		return strictjson.Value{}, false
	}
	return v, true
}

// changeList adds, expires or removes a value. With action "" the body says which.
func (s *Server) changeList(w http.ResponseWriter, r *http.Request, db store.Store, action string) {
	v, ok := s.readAdmin(w, r)
	if !ok {
		return
	}
	c, err := lists.ParseChange(v, action)
	if err != nil {
		s.adminError(w, err)
		return
	}
	c.List, c.Now = r.PathValue("name"), s.opt.Now().UTC()
	done, err := lists.Apply(r.Context(), db, s.parts.Load().pack, c)
	if err != nil {
		s.adminError(w, err)
		return
	}
	// The value may be a reference: it is in the chain, and no log has to have it.
	s.log.Info("a list was changed", "list", c.List, "action", done.Action, "who", c.Who, "record", done.Seq)
	s.refreshLists(r.Context())
	writeCanon(w, http.StatusOK, done.Write(canon.NewWriter(nil), c.List))
}
