package route

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// Proxy is one proxy on the way out. The zero value is none: the direct way, which may stand in a list between proxies.
type Proxy struct {
	// URL is http://, https://, socks5:// or socks5h:// (the same: names are always resolved by the proxy) with a host, a port if it
	// is not 80, 443 or 1080, and a user if the proxy wants one. DOMAIN\user, written DOMAIN%5Cuser, is for NTLM.
	URL *url.URL
	// Password is asked for at every dial; nil: the password in URL.
	Password func() (string, error)
	// CA is a PEM file of the authorities that an https proxy's certificate is verified with; "": the system's.
	CA string
}

// ProxyOptions say which proxies stand between this machine and the broker. The zero value is none at all.
type ProxyOptions struct {
	// List is tried in this order. It wins over Env, and NO_PROXY has no say in it.
	List []Proxy
	// Env is what the environment says, usually httpproxy.FromEnvironment(); nil: it is not asked. HTTPS_PROXY and NO_PROXY count, as
	// if the broker were an https server; a broker on localhost or on a loopback address has no proxy.
	Env *httpproxy.Config
}

// Via is the way to the broker through what o says. The broker's name is sent to the proxy and never resolved here. The error is an
// *Error: a proxy's address that cannot be used. It never holds a password.
func Via(b Broker, t TLSOptions, o ProxyOptions) (*Route, error) {
	list, from := o.List, "publisher.proxy"
	if len(list) == 0 {
		list, from = fromEnv(b, t.Log, o.Env), "HTTPS_PROXY"
	}
	var ways []*Route
	for _, p := range list {
		if p.URL == nil {
			ways = append(ways, Direct(b, t))
			continue
		}
		h, err := newHop(p, from)
		if err != nil {
			return nil, &Error{Stage: StageProxy, Op: "use the proxy in " + from, Err: err,
				Hint: "write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT"}
		}
		r := &Route{Name: h.String(), Broker: b, Dialer: h.tunnel(p.CA, t)}
		if b.Secure() {
			layer := NewTLS(r.Dialer, b, t)
			layer.way = h.String()
			r.Dialer = layer
		}
		ways = append(ways, r)
	}
	switch len(ways) {
	case 0:
		return Direct(b, t), nil
	case 1:
		return ways[0], nil
	}
	return InOrder(t.Log, ways...), nil
}

// misread is what is wrong with a value that package httpproxy cannot parse, which means the direct way there, silently.
const (
	misread     = "HTTPS_PROXY in the environment is not an address, so the way out is direct"
	misreadHint = "write http://HOST:PORT; a special character in user or password is written as % and two hex digits"
)

// Misread returns an *Error if the environment names a proxy that cannot be read and is not used for that reason, nil otherwise. It never
// holds a password.
func (o ProxyOptions) Misread() error {
	if len(o.List) > 0 || o.Env == nil || o.Env.HTTPSProxy == "" {
		return nil
	}
	if ask(&httpproxy.Config{HTTPSProxy: o.Env.HTTPSProxy}, "broker.invalid:443") != nil {
		return nil
	}
	return &Error{Stage: StageProxy, Op: "look for a proxy", Err: errors.New(misread), Hint: misreadHint}
}

// ask returns the proxy for a host, nil if there is none.
func ask(c *httpproxy.Config, host string) *url.URL {
	u, err := c.ProxyFunc()(&url.URL{Scheme: "https", Host: host})
	if err != nil {
		return nil // cannot be with https
	}
	return u
}

// fromEnv applies the environment's rules, and warns of a value that cannot be read.
func fromEnv(b Broker, log *slog.Logger, env *httpproxy.Config) []Proxy {
	if env == nil || env.HTTPSProxy == "" {
		return nil
	}
	if u := ask(env, b.Addr()); u != nil {
		return []Proxy{{URL: u}}
	}
	if log != nil && (ProxyOptions{Env: env}).Misread() != nil {
		log.Warn("proxy: "+misread, "hint", misreadHint)
	}
	return nil
}

// hop is a proxy as it is used.
type hop struct {
	scheme   string // http, https or socks5
	host     string // name or IP literal, without brackets
	port     string
	user     string // "": no login
	password func() (string, error)
	from     string // where a person finds the address: publisher.proxy or HTTPS_PROXY
}

// newHop checks a proxy's address. Its errors never repeat the user's part.
func newHop(p Proxy, from string) (*hop, error) {
	h := &hop{scheme: strings.ToLower(p.URL.Scheme), port: p.URL.Port(), user: p.URL.User.Username(), password: p.Password, from: from}
	standard := map[string]string{"http": "80", "https": "443", "socks5": "1080"}
	if h.scheme == "socks5h" {
		h.scheme = "socks5"
	}
	if standard[h.scheme] == "" {
		return nil, fmt.Errorf("scheme %q is not known", h.scheme)
	}
	if h.port == "" {
		h.port = standard[h.scheme]
	}
	b, err := ParseBroker("mqtts://" + p.URL.Host) // the same rules for names, addresses and ports
	if err != nil {
		return nil, err
	}
	h.host = b.Host
	if h.password == nil {
		secret, _ := p.URL.User.Password()
		h.password = func() (string, error) { return secret, nil }
	}
	return h, nil
}

// String names the proxy without its credentials: "proxy http://10.0.0.1:3128".
func (h *hop) String() string { return "proxy " + h.scheme + "://" + h.addr() }

func (h *hop) addr() string { return net.JoinHostPort(h.host, h.port) }

// tunnel makes the layers that open a tunnel through this proxy: the way to it, and what is said to it.
func (h *hop) tunnel(ca string, t TLSOptions) Dialer {
	leg := &leg{hop: h, over: TCP{}, ca: ca}
	switch h.scheme {
	case "https":
		// The proxy is another peer than the broker: its name, its authorities, and neither our ALPN nor our certificate.
		peer := Broker{Scheme: HTTPS, Host: h.host}
		leg.over = NewTLS(leg.over, peer, TLSOptions{CA: ca, ALPN: ALPN{None: true}, KeyExchange: t.KeyExchange, Now: t.Now, Log: t.Log,
			Habits: t.Habits})
	case "socks5":
		return &socks{over: leg, hop: h}
	}
	return &connect{over: leg, hop: h}
}

// login returns user and password, "" and "" without a user.
func (h *hop) login() (user, password string, err error) {
	if h.user == "" {
		return "", "", nil
	}
	if strings.ContainsFunc(h.user, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", "", h.fail("log in at", errors.New("the user's name has a control character in it"), "check the user in "+h.from)
	}
	password, err = h.password()
	if err != nil {
		return "", "", h.fail("log in at", err, "check publisher.proxy_password_file")
	}
	return h.user, password, nil
}

// fail makes an error of stage proxy.
func (h *hop) fail(op string, err error, hint string) *Error {
	return &Error{Stage: StageProxy, Op: op + " " + h.String(), Err: err, Hint: hint}
}
