package server

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// limiter bounds the connections of a listener. When it is full it closes the
// connection that has been idle longest, so that those who merely hold connections
// do not keep others out; where none is idle, a new one gets a 503 and is closed.
type limiter struct {
	net.Listener
	max     int
	refusal []byte // "" under TLS, where nobody could read it
	refused func()

	mu   sync.Mutex
	open int
	idle *list.List // of *limited, longest idle first
}

const (
	minIdle        = time.Second // a connection that is idle for less is about to be used again
	refusalTimeout = 50 * time.Millisecond
)

const refusalText = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 23\r\nConnection: close\r\n\r\n{\"error\":\"unavailable\"}"

func newLimiter(l net.Listener, max int, plain bool, refused func()) *limiter {
	lim := &limiter{Listener: l, max: max, refused: refused, idle: list.New()}
	if plain {
		lim.refusal = []byte(refusalText)
	}
	return lim
}

// limited is a connection that counts.
type limited struct {
	net.Conn
	lim   *limiter
	once  sync.Once
	at    *list.Element // in lim.idle, nil while it is used
	gone  bool          // it has no place any more
	since time.Time
}

// Accept implements net.Listener.
func (l *limiter) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.enter() {
			return &limited{Conn: c, lim: l}, nil
		}
		l.refused()
		_ = c.SetDeadline(time.Now().Add(refusalTimeout))
		_, _ = c.Write(l.refusal) // it fits into an empty buffer
		_ = c.Close()
	}
}

// enter takes a place, that of the longest idle connection when there is no other.
func (l *limiter) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open < l.max {
		l.open++
		return true
	}
	front := l.idle.Front()
	if front == nil || time.Since(front.Value.(*limited).since) < minIdle {
		return false
	}
	victim := front.Value.(*limited)
	l.idle.Remove(front)
	victim.at, victim.gone = nil, true
	victim.once.Do(func() {}) // its place goes to the new one
	go victim.Conn.Close()    // the server notices, and forgets it
	return true
}

// Close gives the place back.
func (c *limited) Close() error {
	c.once.Do(func() {
		c.lim.mu.Lock()
		defer c.lim.mu.Unlock()
		c.lim.open--
		c.gone = true
		c.lim.used(c)
	})
	return c.Conn.Close()
}

// used takes a connection off the idle ones. The caller holds mu.
func (l *limiter) used(c *limited) {
	if c.at != nil {
		l.idle.Remove(c.at)
		c.at = nil
	}
}

// state is the server's ConnState: it tells which connections are idle.
func (l *limiter) state(c net.Conn, s http.ConnState) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	own, ok := c.(*limited)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used(own)
	if s == http.StateIdle && !own.gone {
		own.since = time.Now()
		own.at = l.idle.PushBack(own)
	}
}

// count returns the connections that are open.
func (l *limiter) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}
