package lab

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// The protocol names that AWS IoT Core knows on port 443 beside a client certificate: MQTT, and publishing over HTTPS.
const (
	ALPN     = "x-amzn-mqtt-ca"
	ALPNHTTP = "x-amzn-http-ca"
	ALPNAuth = "mqtt" // MQTT without a certificate, for a custom authorizer
)

var errALPN = fmt.Errorf("the client offered neither %s nor %s", ALPN, ALPNHTTP)

// serverConfig is the TLS side of one connection. On the web listener neither ALPN nor a certificate is demanded.
func (l *Lab) serverConfig(e effects, web bool) (*tls.Config, error) {
	cert, err := l.serverCertificate(e)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(l.ca.cert)
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, NextProtos: []string{ALPN, ALPNHTTP},
		SessionTicketsDisabled: true, // AWS does not support them
	}
	if e.on("tls12") {
		cfg.MaxVersion = tls.VersionTLS12
	}
	if e.any(inspections...) {
		cfg.ClientAuth, cfg.NextProtos = tls.NoClientCert, nil
		return cfg, nil
	}
	if e.on("no-client-cert") {
		cfg.ClientAuth = tls.NoClientCert
	}
	if e.on("no-alpn") {
		cfg.NextProtos = nil
		return cfg, nil
	}
	reject := e.on("alpn-reject")
	if web {
		cfg.NextProtos = []string{"http/1.1"}
		if cfg.ClientAuth == tls.RequireAndVerifyClientCert {
			cfg.ClientAuth = tls.VerifyClientCertIfGiven
		}
		if !reject {
			return cfg, nil
		}
	}
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if l.opts.Auth != (Authorizer{}) && !reject && slices.Contains(hello.SupportedProtos, ALPNAuth) {
			open := cfg.Clone()
			open.GetConfigForClient, open.ClientAuth, open.NextProtos = nil, tls.NoClientCert, []string{ALPNAuth}
			return open, nil
		}
		for _, p := range hello.SupportedProtos {
			if (p == ALPN || p == ALPNHTTP) && !reject {
				return nil, nil
			}
		}
		// crypto/tls lets a client pass that offers nothing at all and has no way to send this alert from here, so the record
		// is written by hand: alert, TLS 1.2, two bytes, fatal, no_application_protocol (RFC 8446 section 6, RFC 7301 section 3.2).
		hello.Conn.Write([]byte{21, 3, 3, 0, 2, 2, 120})
		return nil, errALPN
	}
	return cfg, nil
}

// serverCertificate is the endpoint's certificate, or the wrong one that a fault asks for.
func (l *Lab) serverCertificate(e effects) (tls.Certificate, error) {
	now := time.Now()
	x := leaf{name: "pinhole-lab", hosts: l.hosts, before: now.Add(-early), after: now.Add(validity)}
	ca := l.ca
	switch {
	case e.any(inspections...):
		return l.forged()
	case e.any("expired-cert", "clock-ahead"):
		x.before, x.after = now.Add(-30*early), now.Add(-early)
	case e.any("future-cert", "clock-behind"):
		x.before = now.Add(early)
	case e.on("wrong-name-cert"):
		x.hosts = []string{"elsewhere.example"}
	case e.any("unknown-ca", "legacy-endpoint"):
		var err error
		if ca, err = newAuthority("Somebody else's CA", now); err != nil {
			return tls.Certificate{}, err
		}
	default:
		return l.cert, nil
	}
	return ca.issue(x)
}

// ClientTLS is what a client with the device's certificate dials the lab with.
func (l *Lab) ClientTLS() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(l.dir, certFile), filepath.Join(l.dir, keyFile))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(l.ca.cert)
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: "localhost", RootCAs: pool, Certificates: []tls.Certificate{pair},
		NextProtos: []string{ALPN},
	}, nil
}
