// Package gatehttp is the embedder's door: an http.Handler, or a middleware around
// one, that carries signed webhooks through an engine.Gate.
//
// It reads the body once, bounded in size, in time and in number; hands it to the
// gate; lets the embedder gather facts within the deadline; and sends what the
// gate answers. What happens when something is wrong:
//
//	refused before a valid signature       401, flat; 413 when too large
//	the same message again                 what the gate stored, or 401
//	cannot be decoded                      the counterpart's system error
//	deadline passed before verification    503, recorded as busy
//	deadline passed after verification     decided with what is there, on_error joined
//	too many in flight                     503, recorded as busy
//	not a POST                             405, not recorded: there is no message
//
// With Options.Shadow the incumbent answers, see Shadow; what stands above is then
// what the record says, but for the bounds of size, time and number and for 405.
//
// Every answer of our own is recorded before it leaves. Nothing that the sender wrote is ever
// echoed, and Content-Type is not trusted: the signature covers the bytes.
//
// The handler works under any mux. Its ResponseWriter must reach the one of
// net/http through Unwrap, so that a slow body can be cut off at the deadline;
// under one that does not, the server's own ReadTimeout bounds it.
package gatehttp
