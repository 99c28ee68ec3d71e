// Package local is the agent's endpoint on its own machine: a live page, health, metrics and the API that `pinhole status` and
// `pinhole watch` ask.
//
// It promises to answer GET only; on loopback to answer only requests that name this machine in their Host header, so that a page
// from elsewhere cannot read it by DNS rebinding; beyond loopback to answer only with the token; and that no client, however
// slow or many, costs the agent more than a bounded number of connections. What it tells, it asks of a Source.
package local

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"pinhole/publisher/payload"
	"pinhole/sensors"
)

//go:embed page.html
var page []byte

// maxConnections bounds what clients may hold open.
const maxConnections = 32

// Server is the endpoint.
type Server struct {
	Source Source
	Listen string // HOST:PORT
	Token  string // demanded when Listen is not loopback
	Log    *slog.Logger
}

// Run serves until ctx ends. That the port is taken, say, is an error, but none that should end an agent.
func (s *Server) Run(ctx context.Context) error {
	if !loopback(s.Listen) && s.Token == "" {
		return fmt.Errorf("status.listen %s is beyond loopback and there is no token: set status.token_file", s.Listen)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("status page: %w", err)
	}
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second,
		MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(&limited{Listener: l, free: make(chan struct{}, maxConnections)}); ctx.Err() == nil {
		return err
	}
	return nil
}

// Handler answers the endpoint's paths.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'")
		w.Write(page)
	})
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		snap := s.Source.Snapshot()
		if list := snap.problems(); len(list) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, strings.Join(list, "\n"))
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		snap := s.Source.Snapshot()
		w.Write(snap.metrics(time.Now()))
	})
	mux.HandleFunc("/api/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		snap := s.Source.Snapshot()
		json.NewEncoder(w).Encode(snap.Status()) // a client that went away is no error
	})
	mux.HandleFunc("/api/readings", s.readings)
	return s.guard(mux)
}

// guard refuses what is not for this endpoint.
func (s *Server) guard(next http.Handler) http.Handler {
	open := loopback(s.Listen)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET", http.StatusMethodNotAllowed)
		case open && !s.ownName(r.Host):
			http.Error(w, "this page is for this machine: ask for localhost", http.StatusForbidden)
		case !open && !s.authorized(r):
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a token is needed: Authorization: Bearer TOKEN", http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ownName reports whether a Host header names this machine and the port that is listened on.
func (s *Server) ownName(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), "80"
	}
	_, own, _ := net.SplitHostPort(s.Listen)
	return (own == "0" || port == own) && (name == "localhost" || name == "127.0.0.1" || name == "::1")
}

func (s *Server) authorized(r *http.Request) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		given = r.URL.Query().Get("token")
	}
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(s.Token))
	return s.Token != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// readings streams readings as server-sent events: each event's data is a reading as in the payload. A client that is too slow
// misses some, and is told how many.
func (s *Server) readings(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	events := make(chan []byte, 64)
	var mu sync.Mutex
	missed := 0
	cancel := s.Source.Subscribe(func(list []sensors.Reading) {
		var b []byte
		for i := range list {
			b = append(payload.AppendSensorReading(append(b, "data: "...), &list[i]), "\n\n"...)
		}
		mu.Lock()
		defer mu.Unlock()
		select {
		case events <- b:
		default:
			missed += len(list)
		}
	})
	defer cancel()
	beat := time.NewTicker(15 * time.Second)
	defer beat.Stop()
	for b := []byte(": readings follow\n\n"); ; {
		mu.Lock()
		if missed > 0 {
			b = fmt.Appendf(b, "event: missed\ndata: %d\n\n", missed)
			missed = 0
		}
		mu.Unlock()
		control.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if _, err := w.Write(b); err != nil || control.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case b = <-events:
		case <-beat.C:
			b = []byte(": still here\n\n")
		}
	}
}

// limited is a listener that holds a bounded number of connections.
type limited struct {
	net.Listener
	free chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			return &counted{Conn: c, release: sync.OnceFunc(func() { <-l.free })}, nil
		default:
			c.Close()
		}
	}
}

type counted struct {
	net.Conn
	release func()
}

func (c *counted) Close() error {
	defer c.release()
	return c.Conn.Close()
}
