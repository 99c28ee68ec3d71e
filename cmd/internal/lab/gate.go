package lab

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// What stands between a device and the endpoint: firewalls that look into the ClientHello, and inspections that end the session.

// onePacket is the size in bytes of a ClientHello above which it needs two packets on most ways.
const onePacket = 1400

// inspections are the faults of a TLS inspection. It shows a certificate of its own authority, has no use for the client's, knows no
// ALPN, and takes what is said in a language other than HTTP without an answer.
var inspections = []string{"inspect", "inspect-trusted", "inspect-aws"}

// guard puts the firewalls in front of a session's server.
func (c *conn) guard(cfg *tls.Config) {
	next := cfg.GetConfigForClient
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		for name, unwanted := range map[string]bool{
			"sni-block":   slices.Contains(c.lab.hosts, hello.ServerName),
			"alpn-block":  slices.ContainsFunc(hello.SupportedProtos, func(p string) bool { return strings.HasPrefix(p, "x-amzn-") }),
			"hello-block": c.tcp.own > onePacket,
		} {
			if c.eff.on(name) && unwanted {
				c.drop(c.eff[name].text)
				return nil, fmt.Errorf("fault %s: SNI %q, ALPN %q, %d bytes", name, hello.ServerName, hello.SupportedProtos, c.tcp.own)
			}
		}
		if next == nil {
			return nil, nil
		}
		return next(hello)
	}
}

// drop ends the TCP connection as a firewall does. It is closed afterwards, so that no alert of the TLS server follows.
func (c *conn) drop(how string) {
	switch how {
	case howSilence:
		io.Copy(io.Discard, c.tcp) // until the handshake's deadline, or the client has enough of it
	case howReset:
		c.tcp.SetLinger(0)
	}
	c.tcp.Close()
}

// Inspection is the authority of the inspections, as PEM.
func (l *Lab) Inspection() ([]byte, error) {
	ca, err := l.inspector()
	if err != nil {
		return nil, err
	}
	return certificatePEM(ca.cert.Raw), nil
}

// forge makes the certificate that an inspection shows in the endpoint's name.
func (l *Lab) forge() (tls.Certificate, error) {
	ca, err := l.inspector()
	if err != nil {
		return tls.Certificate{}, err
	}
	return ca.issue(leaf{name: l.hosts[0], hosts: l.hosts, before: time.Now().Add(-early), after: time.Now().Add(validity)})
}

// swallow takes what is said and never answers.
func (c *conn) swallow() error {
	io.Copy(io.Discard, c.nc)
	return errors.New("fault inspect")
}
