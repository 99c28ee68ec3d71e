package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"pinhole/publisher/route"
)

// tlsFacts is what the TLS check leaves for the others.
type tlsFacts struct {
	out       outcome // of the doctor's own handshake
	classical bool    // only a small ClientHello gets through
	filter    *Check  // the line about a filter of ALPN names; nil if there is none
}

// checkTLS makes a TLS session, first one that says nothing, then one as the agent makes it, with the login on it: servers of TLS 1.3
// refuse a client's certificate only after the handshake.
func (d *doctor) checkTLS(ctx context.Context) []Check {
	if b := d.blocked(); b != "" {
		return []Check{skipAfter(b)}
	}
	if !d.p.Broker.Secure() && d.p.Broker.Loopback() {
		return []Check{skip(string(d.p.Broker.Scheme) + " is plain, and stays on this machine")}
	}
	if !d.p.Broker.Secure() {
		return []Check{warn(string(d.p.Broker.Scheme)+" is plain: everybody on the way can read along", you,
			"use mqtts or wss beyond this machine")}
	}
	d.tls.out = d.probe(ctx, d.hello())
	d.local = cmp.Or(hostOf(d.tls.out.local), d.local)
	var lines []Check
	if d.tls.out.mute() {
		c, passes := d.vary(ctx, d.tls.out)
		switch {
		case c.Stage == route.StageALPN:
			d.tls.filter = &c
			return []Check{ok("TLS gets through without ALPN, see alpn")}
		case !passes:
			return []Check{c}
		}
		lines = append(lines, c)
	}
	if d.key.noCA {
		return append(lines, skip("the server cannot be verified without the authorities, see key"))
	}
	err := d.enter(ctx)
	switch s := route.StageOf(err); {
	case s == route.StageTLS && d.key.bad && strings.Contains(err.Error(), "remote error"):
		return append(lines, skip("the server refuses the session without the certificate, see key"))
	case s == route.StageTLS && expired(err) && !d.trusted && !d.failed[route.StageClock]:
		return append(lines, d.lateClock(err), skip("see clock"))
	case s == route.StageTLS:
		return append(lines, d.tlsFailed(err))
	case d.login.safe:
	case s == route.StageClock && d.failed[route.StageClock]:
		return append(lines, skip("certificates cannot be verified by this clock, see clock"))
	case s == route.StageClock:
		return append(lines, d.lateClock(err), skip("see clock"))
	case s == route.StageALPN && d.tls.out.err != nil:
		return append(lines, ok("the server answers, and refuses the protocol, see alpn"))
	case s == route.StageIntercepted && d.tls.out.err != nil:
		return append(lines, skip("refused by us, see intercepted"))
	case err != nil && isNetwork(s):
		c := fail("the way that worked a moment ago does not any more: "+err.Error(), network, cmp.Or(advice(err), "try again"))
		c.Stage = s
		return append(lines, c)
	}
	return append(lines, ok(d.session()))
}

// session describes the TLS session.
func (d *doctor) session() string {
	o := &d.tls.out
	s := &o.state
	text := fmt.Sprintf("%s, %s, %s, in %s", tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite), s.CurveID, brief(o.took))
	if len(o.chain) > 0 {
		c := o.chain[0]
		text += fmt.Sprintf("; certificate of %s, issued by %s, until %s", name(cmp.Or(c.Subject.CommonName, strings.Join(c.DNSNames, " "))),
			name(c.Issuer.String()), c.NotAfter.UTC().Format(time.DateOnly))
	}
	if len(s.VerifiedChains) > 0 {
		v := s.VerifiedChains[0]
		text += fmt.Sprintf("; chain of %d up to %s", len(v), name(v[len(v)-1].Subject.String()))
	}
	return text
}

// tlsFailed is the line about a session that did not come about.
func (d *doctor) tlsFailed(err error) Check {
	who := d.operator()
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)), errors.As(err, new(x509.HostnameError)), errors.As(err, new(tls.RecordHeaderError)):
		who = you
	case d.tls.out.bytes > 0 && isTimeout(err):
		who = network
	}
	return fail(err.Error(), who, advice(err))
}

// expired reports whether the server's certificate was found to be at its end.
func expired(err error) bool {
	e, found := errors.AsType[x509.CertificateInvalidError](err)
	return found && e.Reason == x509.Expired
}

// impostor finds out who shows a certificate of an unknown authority, where that is no certain sign of interception: it makes a session
// that trusts what was shown, says nothing on it, and looks whether the server behaves as the broker must. It returns what gives an
// interception away, "" if nothing does.
func (d *doctor) impostor(ctx context.Context, err error) string {
	e, found := errors.AsType[*tls.CertificateVerificationError](err)
	if !found || !d.key.have || len(e.UnverifiedCertificates) == 0 {
		return ""
	}
	h := d.hello()
	h.roots = x509.NewCertPool()
	for _, c := range e.UnverifiedCertificates {
		h.roots.AddCert(c)
	}
	o := d.probe(ctx, h)
	if o.err != nil || o.asked {
		return ""
	}
	text := "it does not ask for this device's certificate"
	if len(h.alpn) > 0 && o.state.NegotiatedProtocol == "" {
		text += " and leaves ALPN unanswered"
	}
	return text
}
