package agent

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"pinhole/publisher/aws"
	"pinhole/publisher/route"
)

// signed reports whether requests to an address are signed with AWS credentials: inside WebSocket AWS takes nothing else but a custom
// authorizer's user name, and over HTTPS nothing else without a certificate.
func (l *linker) signed(b route.Broker) bool {
	s := &l.c.Sign
	switch b.Scheme {
	case route.WSS:
		return s.Given || b.AWS() && l.c.Username == "" && !l.authorized(b)
	case route.HTTPS:
		return (s.Given && (s.RoleAlias != "" || l.c.TLS.Cert == "")) || b.AWS() && l.c.TLS.Cert == ""
	}
	return false
}

// authorized reports whether the address or the headers name one of AWS's custom authorizers, which takes the place of a signature.
func (l *linker) authorized(b route.Broker) bool {
	const name = "x-amz-customauthorizer-name"
	return l.c.Headers.Get(name) != "" || strings.Contains(strings.ToLower(b.Path), name+"=")
}

// signer finds credentials where the configuration or AWS's own tools have them.
func (l *linker) signer() *aws.Signer {
	s := &l.c.Sign
	var source aws.Source
	if s.RoleAlias != "" {
		source = aws.FromIoT(s.Provider, s.RoleAlias, s.Thing, l.providerClient())
	} else {
		source = aws.First(aws.FromEnv(l.env), aws.FromFile(l.credentialsFile(), l.profile()), aws.FromContainer(l.env, plainClient()))
		if s.CredentialsFile != "" || s.Profile != "" { // named, so the environment has no say
			source = aws.FromFile(l.credentialsFile(), l.profile())
		}
	}
	return &aws.Signer{Region: s.Region, Now: l.now, Credentials: aws.Cached(source, l.now)}
}

func (l *linker) credentialsFile() string {
	switch file, home := l.env("AWS_SHARED_CREDENTIALS_FILE"), l.env("HOME"); {
	case l.c.Sign.CredentialsFile != "":
		return l.c.Sign.CredentialsFile
	case file != "":
		return file
	case home != "":
		return filepath.Join(home, ".aws", "credentials")
	}
	return ""
}

func (l *linker) profile() string {
	if p := l.c.Sign.Profile; p != "" {
		return p
	}
	if p := l.env("AWS_PROFILE"); p != "" {
		return p
	}
	return "default"
}

// plainClient asks this machine's or its container's provider: no proxy stands between.
func plainClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 32 << 10}, CheckRedirect: noRedirect}
}

// providerClient asks the credentials provider, by the same proxies as the broker and with the device's certificate.
func (l *linker) providerClient() *http.Client {
	t := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 32 << 10}
	t.DialTLSContext = func(ctx context.Context, _, addr string) (net.Conn, error) {
		b, err := route.ParseBroker("https://" + addr)
		if err != nil {
			return nil, err
		}
		o := l.tls(b)
		o.ServerName, o.ALPN = "", route.ALPN{None: true}
		way, err := route.Via(b, o, proxies(l.c.Proxy))
		if err != nil {
			return nil, err
		}
		conn, err := way.Dial(ctx)
		if err != nil {
			return nil, err // not the typed nil
		}
		return conn, nil
	}
	return &http.Client{Transport: t, CheckRedirect: noRedirect, Timeout: 10 * time.Second}
}

// noRedirect hands out a redirect as the answer that it is.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
