package route

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"pinhole/publisher/aws"
)

// KeyExchange says which key agreement a TLS session may start with.
type KeyExchange string

// The key exchanges. A hybrid one adds ML-KEM-768 to X25519, so that a recorded session stays closed to quantum computers. It
// makes the ClientHello about 1,500 bytes long, and some middleboxes drop a ClientHello that spans two segments.
const (
	Auto      KeyExchange = "auto"      // hybrid, then classical where the hybrid ClientHello was met with silence
	Hybrid    KeyExchange = "hybrid"    // hybrid offered first, no second try
	Classical KeyExchange = "classical" // never hybrid; a ClientHello of about 300 bytes
)

// ALPN says which protocol names (RFC 7301) to offer. The zero value is automatic: AWS's name at an AWS IoT endpoint on port
// 443, none elsewhere.
type ALPN struct {
	None  bool     // offer none at all
	Names []string // offer these
}

// TLSOptions are the settings of a TLS layer. The zero value is a client without a certificate that trusts the system's
// authorities, at AWS Amazon's.
type TLSOptions struct {
	CA          string // PEM file of the authorities to trust instead
	Cert, Key   string // PEM files of the client's certificate chain and private key; both or none
	ALPN        ALPN
	ServerName  string           // name to ask for and to verify; "" is the dialed host
	KeyExchange KeyExchange      // "" is Auto
	Now         func() time.Time // for verifying certificates; nil is the system's clock
	Log         *slog.Logger     // gets warnings; nil is silent
	Habits      *Habits          // what is known of the network; nil: the layer learns for itself
}

// helloTimeout is how long the server may be silent after the ClientHello while there is another way to try. With three tries
// it keeps within DialTimeout.
const helloTimeout = 4 * time.Second

// errSilence ends a handshake whose ClientHello nobody answered.
var errSilence = errors.New("no answer to the ClientHello")

// TLS is the layer that puts a TLS session over another layer's stream. It reads the files again at each dial, and remembers
// which kind of ClientHello got through to an address. It is safe for concurrent use.
type TLS struct {
	over Dialer
	peer Broker
	opt  TLSOptions
	way  string // what lies below, for the habits: "direct", or the proxy's name

	unasked, unanswered atomic.Bool // it was said that the server takes no notice of the certificate, of ALPN
}

// NewTLS makes a layer over another one. peer is what will be dialed: it decides about AWS's rules and about automatic ALPN.
// Nothing is read or dialed yet.
func NewTLS(over Dialer, peer Broker, o TLSOptions) *TLS {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Habits == nil {
		o.Habits = &Habits{}
	}
	return &TLS{over: over, peer: peer, opt: o, way: "direct"}
}

// Protocols returns the ALPN names that will be offered.
func (t *TLS) Protocols() []string {
	switch {
	case t.opt.ALPN.None:
		return nil
	case len(t.opt.ALPN.Names) > 0:
		return t.opt.ALPN.Names
	case !t.peer.AWS() || t.peer.Port != 443:
		return nil
	case t.peer.Scheme == MQTTS && t.opt.Cert != "":
		return []string{aws.ALPNMQTT}
	case t.peer.Scheme == MQTTS: // without a certificate AWS has only custom authorizers
		return []string{aws.ALPNCustomAuth}
	case t.peer.Scheme == HTTPS && t.opt.Cert != "":
		return []string{aws.ALPNHTTP}
	}
	return nil
}

// DialContext implements Dialer. The connection it returns is a *tls.Conn whose handshake is done and whose peer is verified.
//
// Where the server, or something before it, meets the ClientHello with silence, an end or a reset, it is tried again a second after
// the try before: with a classical ClientHello if KeyExchange is Auto, and then over the other of IPv6 and IPv4 if there is one.
func (t *TLS) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	base, err := t.config(addr)
	if err != nil {
		return nil, err
	}
	h, known := t.opt.Habits.recall(addr, t.way, t.opt.Now())
	if network != "tcp" {
		h.network = "" // the caller has chosen
	}
	if t.opt.KeyExchange == Hybrid {
		h.classical = false
	}
	var silence *Error // what the first try met
	for {
		try, began := try{habit: h, over: network}, time.Now()
		if h.network != "" {
			try.over = h.network
		}
		if t.opt.KeyExchange == Classical {
			try.classical = true
		}
		conn, failure := t.handshake(ctx, base, network, addr, try)
		if failure == nil {
			if h.any() && !known {
				t.remember(addr, h)
			}
			return conn, nil
		}
		next, again := t.second(ctx, h, network, addr, failure)
		if !again || !pause(ctx, began) {
			if known && (failure.silent || h.network != "" && failure.err.Stage == StageTCP) {
				t.opt.Habits.keep(addr, t.way, habit{}, t.opt.Now()) // what helped once does not help now: begin from the start next time
			}
			if silence != nil && (failure.err.Stage == StageDNS || failure.err.Stage == StageTCP || failure.err.Stage == StageProxy) {
				return nil, silence // the address was reached before, so this one says less
			}
			return nil, failure.err
		}
		t.opt.Log.Debug("tls: silence after the ClientHello, trying again", "broker", addr, "error", failure.err,
			"classical", next.classical, "network", next.network)
		h, known, silence = next, false, failure.err
	}
}

// apart is the least time between the begins of two tries that reach the broker's address: AWS takes one connection a second.
const apart = time.Second

// pause waits until the next try may begin; false: ctx has ended.
func pause(ctx context.Context, began time.Time) bool {
	timer := time.NewTimer(apart - time.Since(began))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// try is one TCP connection with one ClientHello.
type try struct {
	habit
	over string // tcp, tcp4 or tcp6
}

// failed is a try that did not work out.
type failed struct {
	err    *Error
	silent bool // not a byte came back
	v6     bool // over IPv6
}

// second decides whether and how to try again after failure of a try with habit h.
func (t *TLS) second(ctx context.Context, h habit, network, addr string, failure *failed) (habit, bool) {
	auto := t.opt.KeyExchange == Auto || t.opt.KeyExchange == ""
	switch {
	case !failure.silent:
		return h, false
	case auto && !h.classical:
		h.classical = true
	case network != "tcp" || h.network != "":
		return h, false
	case failure.v6:
		h.network = "tcp4"
	case t.hasIPv6(ctx, addr):
		h.network = "tcp6"
	default:
		return h, false
	}
	return h, true
}

// hasIPv6 asks whether there is another family to try after IPv4; where a proxy is below, it has the say.
func (t *TLS) hasIPv6(ctx context.Context, addr string) bool {
	tcp, ok := t.over.(TCP)
	host, _, err := net.SplitHostPort(addr)
	if !ok || err != nil {
		return false
	}
	r := tcp.Resolver
	if r == nil {
		r = net.DefaultResolver
	}
	list, err := r.LookupNetIP(ctx, "ip6", host)
	return err == nil && slices.ContainsFunc(list, func(a netip.Addr) bool { return !a.Is4In6() })
}

func (t *TLS) remember(addr string, h habit) {
	t.opt.Log.Info("tls: this network drops the usual ClientHello; kept for later connects", "broker", addr,
		"classical", h.classical, "network", h.network)
	t.opt.Habits.keep(addr, t.way, h, t.opt.Now())
}

// config reads the files and makes what all tries of one dial share.
func (t *TLS) config(addr string) (*tls.Config, error) {
	name := t.opt.ServerName
	if name == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, &Error{Stage: StageTLS, Op: "tls to " + addr, Err: err}
		}
		name = host
	}
	c := &tls.Config{
		ServerName: name,
		NextProtos: t.Protocols(),
		Time:       t.opt.Now,
		MinVersion: tls.VersionTLS12,
		// For TLS 1.2 exactly those that AWS lists; ones that it does not list cost a warning in its qualification test
		// TLS_Support_AWS_IoT_Cipher_Suites. TLS 1.3 brings its own.
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
	}
	var err error
	switch {
	case t.opt.CA != "":
		c.RootCAs, err = LoadCA(t.opt.CA)
	case t.peer.AWS():
		c.RootCAs, err = aws.Pool()
	default:
		if c.RootCAs, err = x509.SystemCertPool(); err != nil {
			err = &Error{Stage: StageTLS, Op: "read the system's certificate authorities", Err: err,
				Hint: "install the package ca-certificates, or name a file in publisher.tls.ca"}
		}
	}
	if err != nil {
		return nil, err
	}
	if t.opt.Cert != "" || t.opt.Key != "" {
		pair, err := LoadPair(t.opt.Cert, t.opt.Key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// The groups of each key exchange. P-384 is there for certificates on that curve under TLS 1.2 (RFC 8422 section 5.1); a key share
// is only sent for the first hybrid and the first classical group.
var (
	hybridGroups    = []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}
	classicalGroups = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
)

// handshake makes one try.
func (t *TLS) handshake(ctx context.Context, base *tls.Config, network, addr string, y try) (*tls.Conn, *failed) {
	below, err := t.over.DialContext(ctx, y.over, addr)
	if err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			e = &Error{Stage: StageTCP, Op: "connect to " + addr, Err: err}
		}
		return nil, &failed{err: e}
	}
	v6 := isIPv6(below.RemoteAddr())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	first := &firstByte{Conn: below}
	first.timer = time.AfterFunc(helloTimeout, func() {
		if _, another := t.second(ctx, y.habit, network, addr, &failed{silent: true, v6: v6}); another {
			cancel(errSilence)
		}
	})
	defer first.timer.Stop()
	config, asked := base.Clone(), false
	config.CurvePreferences = hybridGroups
	if y.classical {
		config.CurvePreferences = classicalGroups
	}
	config.Certificates = nil
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		if len(base.Certificates) == 0 {
			return new(tls.Certificate), nil
		}
		return &base.Certificates[0], nil
	}
	conn := tls.Client(first, config)
	err = conn.HandshakeContext(ctx)
	if err == nil {
		e := t.inspect(conn.ConnectionState(), addr, asked, len(base.Certificates) > 0)
		if e == nil {
			return conn, nil
		}
		_ = conn.Close() // refused; the reason matters, not how the farewell went
		return nil, &failed{err: e}
	}
	_ = below.Close() // the handshake's error is the one to report
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	silent := first.n == 0 && !errors.Is(err, context.Canceled)
	return nil, &failed{err: t.classify(err, addr, config.ServerName, silent), silent: silent, v6: v6}
}

// inspect looks at a finished handshake for what a verified certificate does not show: a server, or a box before it, that does not
// take part in ALPN or has no interest in the client's certificate. At AWS that is never the broker.
func (t *TLS) inspect(s tls.ConnectionState, addr string, asked, haveCert bool) *Error {
	op := "tls handshake with " + addr
	unanswered := len(t.Protocols()) > 0 && s.NegotiatedProtocol == ""
	if !t.peer.AWS() {
		if haveCert && !asked && !t.unasked.Swap(true) {
			t.opt.Log.Warn("tls: the server did not ask for this device's certificate", "broker", addr,
				"hint", "this broker tells devices apart in another way, or something before it ends the TLS session; `pinhole doctor` looks closer")
		}
		if unanswered && !t.unanswered.Swap(true) {
			t.opt.Log.Warn("tls: the server took no notice of ALPN", "broker", addr, "offered", t.Protocols(),
				"hint", "set publisher.tls.alpn to none if this broker needs none")
		}
		return nil
	}
	issuer := "its issuer is " + name(s.PeerCertificates[len(s.PeerCertificates)-1].Issuer)
	switch {
	case haveCert && !asked:
		return &Error{Stage: StageIntercepted, Op: op,
			Err:  fmt.Errorf("the server did not ask for this device's certificate, as AWS always does; %s", issuer),
			Hint: "something before AWS ends the TLS session; " + exempt(s.ServerName)}
	case unanswered:
		return &Error{Stage: StageALPN, Op: op,
			Err:  fmt.Errorf("the server left ALPN %q unanswered; %s", t.Protocols(), issuer),
			Hint: "AWS IoT answers it on port 443, so something before it took it away; " + exempt(s.ServerName)}
	}
	return nil
}

// firstByte notices the first byte of an answer.
type firstByte struct {
	net.Conn
	n     int // bytes read
	timer *time.Timer
}

func (f *firstByte) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if n > 0 && f.n == 0 {
		f.timer.Stop()
	}
	f.n += n
	return n, err
}

// NetConn returns the connection below, for closing it without ceremony.
func (f *firstByte) NetConn() net.Conn { return f.Conn }

func isIPv6(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.To4() == nil
}
