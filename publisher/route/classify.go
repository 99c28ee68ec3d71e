package route

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"pinhole/publisher/aws"
)

// classify turns a failed handshake into its stage, with the evidence and the way out. host is the name that was asked for; silent
// means that not one byte came back.
func (t *TLS) classify(err error, addr, host string, silent bool) *Error {
	e := &Error{Stage: StageTLS, Op: "tls handshake with " + addr, Err: err}
	if known := alert(err, e.Op); known != nil {
		if known.Stage == StageALPN && len(t.Protocols()) == 0 {
			known.Hint = "the server demands an ALPN name, and none is offered; set publisher.tls.alpn to its name, at AWS [x-amzn-mqtt-ca]"
		}
		return known
	}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return notTLS(e, record)
	}
	if verify, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return t.unverified(e, verify, host)
	}
	switch {
	case errors.Is(err, context.Canceled):
	case strings.Contains(err.Error(), "unadvertised ALPN protocol"):
		e.Stage, e.Hint = StageALPN, "the server chose a protocol that was not offered; something on the way is broken"
	case silent:
		e.Err = fmt.Errorf("%s the ClientHello: %w", howSilent(err), err)
		e.Hint = "TCP gets through and TLS does not: a firewall that filters by server name, by ALPN or by the size of the " +
			"ClientHello. Ask for " + host + " to be let through"
		if len(t.Protocols()) > 0 {
			e.Hint += fmt.Sprintf(" with ALPN %s", strings.Join(t.Protocols(), ", "))
		}
		if t.opt.KeyExchange == Hybrid {
			e.Hint += ", or set publisher.tls.key_exchange to auto"
		}
	case timedOut(err):
		e.Hint = "the server began to answer and stopped; the network loses large packets (MTU), or the server is overloaded"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		e.Hint = "the connection was cut in the middle of the handshake; a firewall, or a server that refuses without a word"
	case strings.Contains(err.Error(), "unsupported versions"), strings.Contains(err.Error(), "protocol version"):
		e.Hint = "the server is too old: TLS 1.2 is the least that is accepted"
	}
	return e
}

// howSilent words the three ways of not answering.
func howSilent(err error) string {
	switch {
	case timedOut(err), errors.Is(err, errSilence):
		return "silence after"
	case errors.Is(err, syscall.ECONNRESET):
		return "a reset in answer to"
	}
	return "the connection was closed on"
}

// notTLS explains an answer that is not a TLS record.
func notTLS(e *Error, record tls.RecordHeaderError) *Error {
	switch {
	case bytes.HasPrefix(record.RecordHeader[:], []byte("HTTP/")):
		e.Stage = StageIntercepted
		e.Err = fmt.Errorf("an HTTP server answered instead: %w", record)
		e.Hint = "a captive portal or a proxy answers in place of the broker; log in to the network, or set publisher.proxy"
	case record.RecordHeader[0] == 0x20: // CONNACK
		e.Err = fmt.Errorf("a broker without TLS answered: %w", record)
		e.Hint = "this port speaks plain MQTT; use the broker's TLS port"
	default:
		e.Err = fmt.Errorf("the peer does not speak TLS: %w", record)
		e.Hint = "is the port right? For a broker without TLS the address begins with mqtt://"
	}
	return e
}

// unverified explains a server certificate that was not accepted.
func (t *TLS) unverified(e *Error, verify *tls.CertificateVerificationError, host string) *Error {
	chain := verify.UnverifiedCertificates
	issuer := "unknown"
	if len(chain) > 0 {
		issuer = name(chain[len(chain)-1].Issuer)
	}
	if inv, ok := errors.AsType[x509.CertificateInvalidError](verify); ok {
		return t.invalid(e, inv)
	}
	if wrong, ok := errors.AsType[x509.HostnameError](verify); ok {
		e.Err = fmt.Errorf("the server's certificate is not for %s: %w", host, wrong)
		e.Hint = "compare publisher.broker, or set publisher.tls.server_name to a name in the certificate; if neither fits, a captive portal " +
			"answers: it was issued by " + issuer
		if t.peer.AWS() {
			e.Stage = StageIntercepted
		}
		return e
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](verify); !ok {
		return e
	}
	e.Err = fmt.Errorf("the server's certificate comes from an unknown authority, %s: %w", issuer, verify)
	switch {
	case t.opt.CA != "":
		e.Hint = "that authority is not in " + t.opt.CA + ": add it if it is the broker's; if not, a TLS inspection stands in between"
		if t.peer.AWS() {
			e.Stage = StageIntercepted
		}
	case aws.Legacy(host):
		e.Hint = "this is AWS's older endpoint, which Amazon's own roots do not sign; use the one with -ats: " +
			"aws iot describe-endpoint --endpoint-type iot:Data-ATS"
	case t.peer.AWS():
		e.Stage = StageIntercepted
		e.Err = fmt.Errorf("the server's certificate comes from an unknown authority, %s (at AWS only Amazon's own are known, not those of the "+
			"system's store): %w", issuer, verify)
		e.Hint = "a TLS inspection stands in between; no client certificate passes it. " + exempt(host)
	default:
		e.Hint = "name that authority's certificate in publisher.tls.ca if it is yours; if not, a TLS inspection stands in between"
	}
	return e
}

// invalid explains a certificate that does not hold. Go reports a certificate that is not valid yet as expired too (x509.Expired),
// so the dates decide: a certificate from the future means that this machine's clock is behind.
func (t *TLS) invalid(e *Error, inv x509.CertificateInvalidError) *Error {
	if inv.Reason != x509.Expired || inv.Cert == nil {
		return e
	}
	now, subject := t.opt.Now(), name(inv.Cert.Subject)
	if now.Before(inv.Cert.NotBefore) {
		e.Stage = StageClock
		e.Err = fmt.Errorf("this machine's clock says %s, and the certificate of %s begins on %s: %w", now.UTC().Format(time.DateTime),
			subject, inv.Cert.NotBefore.UTC().Format(time.DateTime), inv)
		e.Hint = "the clock is behind; let the board reach a time server (timedatectl), or set it: date -s"
		return e
	}
	e.Err = fmt.Errorf("the certificate of %s expired on %s, and this machine's clock says %s: %w", subject,
		inv.Cert.NotAfter.UTC().Format(time.DateTime), now.UTC().Format(time.DateTime), inv)
	e.Hint = "the server's owner has to renew it, unless this machine's clock is ahead"
	return e
}

// alerts are the TLS alerts (RFC 8446 section 6) that say more than that it failed. Package tls has no exported type for an alert
// that the peer sent, so its text is compared.
var alerts = []struct {
	text  string
	stage Stage
	hint  string
}{
	{"no application protocol", StageALPN,
		"the server does not know the offered ALPN name; at AWS check port and host, elsewhere set publisher.tls.alpn to none"},
	{"certificate required", StageTLS,
		"the broker demands a client certificate; set publisher.tls.cert and publisher.tls.key"},
	{"bad certificate", StageTLS,
		"the broker refuses this device's certificate; is it registered, active, and signed by an authority that the broker knows?"},
	{"unknown certificate authority", StageTLS,
		"the broker does not know the authority that signed this device's certificate"},
	{"unknown certificate", StageTLS,
		"the broker refuses this device's certificate; is it registered and active?"},
	{"expired certificate", StageTLS,
		"the broker says that this device's certificate has expired; compare: openssl x509 -enddate -noout -in CERT"},
	{"revoked certificate", StageTLS,
		"this device's certificate was revoked; it needs a new one"},
	{"unsupported certificate", StageTLS,
		"the broker does not take this kind of certificate; it needs an RSA-2048 or P-256 key and the usage clientAuth"},
	{"access denied", StageTLS,
		"the broker knows this device's certificate and denies access; is it active, with a policy attached?"},
	{"unrecognized name", StageTLS,
		"no server of that name is known there; check publisher.broker and publisher.tls.server_name"},
	{"protocol version not supported", StageTLS,
		"the server is too old: TLS 1.2 is the least that is accepted"},
	{"handshake failure", StageTLS,
		"no common ground: the server demands other cipher suites, or a client certificate (publisher.tls.cert)"},
}

// alert recognises an alert of the peer in err; nil if there is none.
func alert(err error, op string) *Error {
	text := err.Error()
	i := strings.Index(text, "remote error: tls: ")
	if i < 0 {
		return nil
	}
	text = text[i+len("remote error: tls: "):]
	e := &Error{Stage: StageTLS, Op: op, Err: err}
	for _, a := range alerts {
		if text == a.text {
			e.Stage, e.Hint = a.stage, a.hint
			break
		}
	}
	return e
}

// name writes a certificate's subject or issuer in one line.
func name(n pkix.Name) string {
	if s := n.String(); s != "" {
		return fmt.Sprintf("%q", s)
	}
	return "one without a name"
}

// exempt is what the network's administrator is to be asked for.
func exempt(host string) string {
	return "ask for " + host + ":443 to be exempted from TLS inspection"
}
