// Package lab is an AWS-IoT-like MQTT endpoint for desks, tests and benchmarks: TLS with ALPN and client certificates,
// MQTT 3.1.1 with AWS IoT Core's rules and limits, faults on demand, and a judge that keeps the books of what arrived.
//
// It promises to behave as AWS documents where a publisher can notice: what exceeds 100 publishes a second vanishes without
// an acknowledgement, what exceeds 512 KiB a second is late, QoS 2, wildcards, deep topics and payloads over 128 KB end the
// connection, a second connection with a client id ends the first. Publishing over HTTPS is on the same port by its ALPN name; a
// second listener takes MQTT inside WebSocket and HTTPS without a certificate, both signed with Signature Version 4, and gives out
// credentials for a certificate. A message is acknowledged only after the judge has taken
// it. Not kept: sessions (session present is always 0), policies, and AWS's lower bound of the keepalive, so that tests
// need not wait half a minute.
//
// The MQTT side is our own and small rather than a general broker's: what matters here is exactly when a byte is read, an
// acknowledgement is held back or a connection is cut, and a broker library decides just that by itself. The package knows
// nothing of the agent and imports nothing of the publisher.
package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pinhole/cmd/internal/judge"
)

// Options say how a lab behaves. The zero value is a lab with all limits and no faults on a free loopback port.
type Options struct {
	Listen   string   // host:port; "": a free port of 127.0.0.1
	Web      string   // host:port for WebSocket and signed requests; "": none
	Anywhere bool     // allow to listen beyond loopback
	Dir      string   // certificates and configuration; "": a temporary folder that Close removes
	Names    []string // further names of the endpoint, for its certificate
	Faults   []Fault
	Auth     Authorizer   // logins without a certificate or a signature; the zero value: there are none
	NoLimits bool         // leave out AWS's limits of rate, throughput and connects
	Script   string       // the section sim of the configuration, which directs the simulated board; "": none
	Log      *slog.Logger // nil: silent

	OnPayload func(topic string, payload []byte) // for each message taken, before it is decoded; payload is only lent

	OnBatch func(*judge.Batch) // before the acknowledgement; the batch is only lent, and the judge must not be called
	OnEvent func(Event)        // what happens on connections; called from their goroutines
}

// Event is something that happened on a connection.
type Event struct {
	At     time.Time
	Conn   uint64 // connections count from 1 in order of accept
	Client string // the client id; "" before CONNECT
	Kind   string // accept, connect, subscribe, discard, refuse, fault, close
	Detail string
}

// Lab is a running endpoint.
type Lab struct {
	opts  Options
	log   *slog.Logger
	ln    net.Listener
	web   net.Listener // nil: none
	keys  keys
	dir   string
	temp  bool
	ca    *authority
	cert  tls.Certificate
	hosts []string    // the endpoint's names
	scene scene       // what the configuration says
	also  []io.Closer // what else listens, for faults
	judge *judge.Judge
	wg    sync.WaitGroup
	stop  chan struct{}
	once  sync.Once

	stats struct {
		accepted, connects, publishes, discarded, received atomic.Uint64
	}
	observers atomic.Int64                    // filters of all connections
	inspector func() (*authority, error)      // of the faults of TLS inspection
	forged    func() (tls.Certificate, error) // what it shows, each time the same

	mu        sync.Mutex
	faults    []effect
	conns     map[*conn]struct{}
	clients   map[string]*conn
	lastLogin map[string]time.Time
	kept      map[string]*message
	closed    bool
}

// Start listens, writes ca.pem, device.crt, device.key and pinhole.yaml where they do not exist yet, and serves until Close.
func Start(o Options) (*Lab, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	host, err := o.host(o.Listen)
	if err != nil {
		return nil, err
	}
	if o.Web != "" {
		if _, err := o.host(o.Web); err != nil {
			return nil, err
		}
	}
	l := &Lab{
		opts: o, log: o.Log, dir: o.Dir, judge: judge.New(), stop: make(chan struct{}), hosts: append(hostNames(host), o.Names...),
		conns: map[*conn]struct{}{}, clients: map[string]*conn{}, lastLogin: map[string]time.Time{}, kept: map[string]*message{},
	}
	l.inspector = sync.OnceValues(func() (*authority, error) { return newAuthority("Example Corp TLS Inspection", time.Now()) })
	l.forged = sync.OnceValues(l.forge)
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if err := l.SetFaults(o.Faults...); err != nil {
		return nil, err
	}
	if err := l.start(); err != nil {
		if l.ln != nil {
			l.ln.Close()
		}
		if l.web != nil {
			l.web.Close()
		}
		l.closeRest()
		l.clean()
		return nil, err
	}
	l.wg.Go(func() { l.accept(l.ln, false) })
	if l.web != nil {
		l.wg.Go(func() { l.accept(l.web, true) })
	}
	if l.scene.rival {
		l.Rival(deviceName)
	}
	return l, nil
}

// host is the host of an address to listen on.
func (o *Options) host(addr string) (string, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("listen address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); !o.Anywhere && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("listen address %q is not on loopback; --anywhere allows that", addr)
	}
	return host, nil
}

func (l *Lab) start() (err error) {
	if l.dir == "" {
		if l.dir, err = os.MkdirTemp("", "pinhole-lab-"); err != nil {
			return err
		}
		l.temp = true
	} else if err = os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	if l.dir, err = filepath.Abs(l.dir); err != nil {
		return err
	}
	if l.ca, err = identity(l.dir, time.Now()); err != nil {
		return err
	}
	if l.ln, err = net.Listen("tcp", l.opts.Listen); err != nil {
		return err
	}
	if l.opts.Web != "" {
		if l.web, err = net.Listen("tcp", l.opts.Web); err != nil {
			return err
		}
		if err = l.keys.load(l.dir); err != nil {
			return err
		}
	}
	if err = l.stage(); err != nil {
		return err
	}
	if l.cert, err = l.ca.issue(leaf{
		name: "pinhole-lab", hosts: l.hosts, before: time.Now().Add(-early), after: time.Now().Add(validity),
	}); err != nil {
		return err
	}
	return l.writeConfigs()
}

// hostNames are the names that the endpoint's certificate carries.
func hostNames(host string) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		return append(names, host)
	}
	if addrs, err := net.InterfaceAddrs(); err == nil && host != "localhost" {
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				names = append(names, n.IP.String())
			}
		}
	}
	return names
}

func (l *Lab) accept(ln net.Listener, web bool) {
	for {
		tcp, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			l.log.Warn("accept", "error", err)
			select {
			case <-time.After(50 * time.Millisecond): // out of file descriptors, say
				continue
			case <-l.stop:
				return
			}
		}
		id := l.stats.accepted.Add(1)
		c := &conn{
			lab: l, id: id, web: web, tcp: &counted{Conn: tcp, n: &l.stats.received}, out: newOutbox(), gone: make(chan struct{}),
			since: time.Now(), random: rand.New(rand.NewPCG(1, id)), eff: l.effects(),
		}
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			tcp.Close()
			return
		}
		l.conns[c] = struct{}{}
		l.mu.Unlock()
		l.event(c, "accept", tcp.RemoteAddr().String())
		l.wg.Go(func() {
			err := c.serve()
			l.forget(c)
			if c.will != nil {
				l.route(c.will)
			}
			l.event(c, "close", err.Error())
		})
	}
}

// counted counts what a connection receives, TLS included.
type counted struct {
	net.Conn
	n   *atomic.Uint64
	own int // of this connection; for its reader alone
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.Add(uint64(n))
	c.own += n
	return n, err
}

func (c *counted) CloseWrite() error {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		return t.CloseWrite()
	}
	return nil
}

func (c *counted) SetLinger(sec int) error {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		return t.SetLinger(sec)
	}
	return nil
}

// effects picks the faults of the next connection.
func (l *Lab) effects() effects {
	l.mu.Lock()
	defer l.mu.Unlock()
	var e effects
	for i := range l.faults {
		f := &l.faults[i]
		if f.applies == 0 {
			continue
		}
		if f.applies > 0 {
			f.applies--
		}
		if e == nil {
			e = effects{}
		}
		e[f.name] = *f
	}
	return e
}

// SetFaults replaces the faults for connections that come from now on.
func (l *Lab) SetFaults(faults ...Fault) error {
	var list []effect
	for _, f := range faults {
		e, err := f.resolve()
		if err != nil {
			return err
		}
		if scenes[f.Name] != nil && !slices.Contains(l.opts.Faults, f) {
			return fmt.Errorf("fault %q has to be there from the start", f)
		}
		list = append(list, e)
	}
	l.mu.Lock()
	l.faults = list
	l.mu.Unlock()
	return nil
}

// admit makes c the connection of its client id and ends the older one. A CONNECT that comes too soon is not admitted; the
// result is how much too soon.
func (l *Lab) admit(c *conn, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, again := l.lastLogin[c.client]
	if wait = connectSpacing - connectGrace - now.Sub(last); again && wait > 0 && !l.opts.NoLimits {
		return wait
	}
	if len(l.lastLogin) > 10000 {
		clear(l.lastLogin)
	}
	l.lastLogin[c.client] = now
	if old := l.clients[c.client]; old != nil {
		old.kick("the client id connected again")
	}
	l.clients[c.client] = c
	l.stats.connects.Add(1)
	return 0
}

func (l *Lab) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	l.observers.Add(-int64(len(c.filters)))
	c.filters = nil
	if l.clients[c.client] == c {
		delete(l.clients, c.client)
	}
}

// take books a message and hands it on.
func (l *Lab) take(c *conn, m *message) {
	l.stats.publishes.Add(1)
	if judged(m.topic) {
		if l.opts.OnPayload != nil {
			l.opts.OnPayload(m.topic, m.payload)
		}
		if err := l.judge.Take(m.payload, l.opts.OnBatch); err != nil {
			l.log.Warn("not a batch", "client", c.client, "topic", m.topic, "error", err)
		}
	}
	l.route(m)
}

// judged tells readings from the presence messages, which go to .../status.
func judged(topic string) bool { return !strings.HasSuffix(topic, "/status") }

func (l *Lab) event(c *conn, kind, detail string) {
	level := slog.LevelDebug
	if kind == "connect" || kind == "discard" || kind == "close" {
		level = slog.LevelInfo
	}
	l.log.Log(context.Background(), level, kind, "conn", c.id, "client", c.client, "detail", detail)
	if l.opts.OnEvent != nil {
		l.opts.OnEvent(Event{time.Now(), c.id, c.client, kind, detail})
	}
}

// Addr is the address that the lab listens on.
func (l *Lab) Addr() string { return l.ln.Addr().String() }

// Web is the address for WebSocket and signed requests; "" if there is none.
func (l *Lab) Web() string {
	if l.web == nil {
		return ""
	}
	return l.web.Addr().String()
}

// Dir is the folder with ca.pem, device.crt, device.key and pinhole.yaml.
func (l *Lab) Dir() string { return l.dir }

// Judge keeps the books.
func (l *Lab) Judge() *judge.Judge { return l.judge }

// Stats counts what the endpoint did.
type Stats struct {
	Accepted  uint64 // TCP connections
	Connects  uint64 // admitted CONNECTs
	Publishes uint64 // messages taken
	Discarded uint64 // messages that exceeded a limit and vanished
	Received  uint64 // bytes off the wire, TLS included
}

// Stats returns the counters as they stand.
func (l *Lab) Stats() Stats {
	s := &l.stats
	return Stats{s.accepted.Load(), s.connects.Load(), s.publishes.Load(), s.discarded.Load(), s.received.Load()}
}

// Peer is a client that is connected.
type Peer struct {
	Client      string
	TLS         string // "TLS 1.3"
	ALPN        string
	Certificate string // common name of the client's certificate; "" without one
	Since       time.Time
	Messages    int64 // taken on this connection
}

// Peers lists the connected clients.
func (l *Lab) Peers() []Peer {
	l.mu.Lock()
	defer l.mu.Unlock()
	var peers []Peer
	for name, c := range l.clients {
		p := Peer{name, tls.VersionName(c.state.Version), c.state.NegotiatedProtocol, "", c.since, c.taken.Load()}
		if certs := c.state.PeerCertificates; len(certs) > 0 {
			p.Certificate = certs[0].Subject.CommonName
		}
		peers = append(peers, p)
	}
	return peers
}

// Cut ends all connections without a word, as a network does.
func (l *Lab) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.kick("cut")
	}
}

// Close ends all connections, waits for their goroutines, and removes a temporary folder.
func (l *Lab) Close() error {
	var err error
	l.once.Do(func() {
		close(l.stop)
		err = l.ln.Close()
		if l.web != nil {
			err = errors.Join(err, l.web.Close())
		}
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		l.Cut()
		err = errors.Join(err, l.closeRest())
		l.wg.Wait()
		err = errors.Join(err, l.clean())
	})
	return err
}

// closeRest closes what else listens.
func (l *Lab) closeRest() (err error) {
	for _, c := range l.also {
		err = errors.Join(err, c.Close())
	}
	return err
}

func (l *Lab) clean() error {
	if !l.temp {
		return nil
	}
	return os.RemoveAll(l.dir)
}
