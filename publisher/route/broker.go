package route

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"pinhole/publisher/aws"
)

// Scheme is how a broker is spoken to.
type Scheme string

// The schemes. MQTT and WS are plain: nothing on the way is protected.
const (
	MQTTS Scheme = "mqtts" // MQTT over TLS
	WSS   Scheme = "wss"   // MQTT over WebSocket over TLS
	HTTPS Scheme = "https" // publish by POST requests
	MQTT  Scheme = "mqtt"  // MQTT over TCP
	WS    Scheme = "ws"    // MQTT over WebSocket over TCP
)

// ports holds each scheme's default port. 443 stands for mqtts as well: that is the port which firewalls leave open.
var ports = map[Scheme]int{MQTTS: 443, WSS: 443, HTTPS: 443, MQTT: 1883, WS: 80}

// aliases are schemes of other programs, for the hint in the error.
var aliases = map[string]Scheme{"ssl": MQTTS, "tls": MQTTS, "mqtt+ssl": MQTTS, "tcps": MQTTS, "tcp": MQTT, "http": HTTPS}

// Broker is a parsed broker address. The zero value is none.
type Broker struct {
	Scheme Scheme
	Host   string // name or IP literal, without brackets
	Port   int    // 1 to 65535
	Path   string // path and query as written, "" if none; only with wss, ws and https
}

// ParseBroker reads the configured address: SCHEME://HOST:PORT/PATH?QUERY, where the port may be left out, or a bare HOST or
// HOST:PORT, which means mqtts. An IPv6 literal stands in brackets.
func ParseBroker(text string) (Broker, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = string(MQTTS), text
	}
	b := Broker{Scheme: Scheme(strings.ToLower(scheme))}
	if ports[b.Scheme] == 0 {
		if other, ok := aliases[strings.ToLower(scheme)]; ok {
			return Broker{}, fmt.Errorf("scheme %q is not known here; use %s", scheme, other)
		}
		return Broker{}, fmt.Errorf("scheme %q is not known; use mqtts, wss, https, mqtt or ws", scheme)
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, b.Path = rest[:i], rest[i:]
	}
	if strings.Contains(b.Path, "#") {
		return Broker{}, errors.New("a fragment (#) means nothing in a broker's address; leave it out")
	}
	if b.Path == "/" && !b.hasPath() {
		b.Path = ""
	}
	if b.Path != "" && !b.hasPath() {
		return Broker{}, fmt.Errorf("%s has no path, but %q stands after the host; leave it out", b.Scheme, b.Path)
	}
	if strings.Contains(authority, "@") {
		return Broker{}, errors.New("user and password do not belong into the address; use username and password_file")
	}
	if err := b.setHostPort(authority); err != nil {
		return Broker{}, err
	}
	return b, nil
}

// hasPath reports whether the scheme knows paths.
func (b Broker) hasPath() bool { return b.Scheme == WSS || b.Scheme == WS || b.Scheme == HTTPS }

// setHostPort reads HOST, HOST:PORT, [V6] or [V6]:PORT.
func (b *Broker) setHostPort(text string) error {
	host, port := text, ""
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return fmt.Errorf("%q: the bracket of the IPv6 address is not closed", text)
		}
		var ok bool
		host, port = text[1:end], text[end+1:]
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
			return fmt.Errorf("%q is not an IPv6 address; brackets are for those only", host)
		}
		if port, ok = strings.CutPrefix(port, ":"); !ok && port != "" {
			return fmt.Errorf("%q: after the bracket only a colon and a port may stand", text)
		} else if ok && port == "" {
			return errors.New("the port is missing after the colon")
		}
	} else {
		if strings.Count(text, ":") > 1 {
			if _, err := netip.ParseAddr(text); err == nil {
				return fmt.Errorf("%q: write an IPv6 address in brackets: [%s]", text, text)
			}
			return fmt.Errorf("%q has more than one colon; HOST:PORT is meant", text)
		}
		var ok bool
		if host, port, ok = strings.Cut(text, ":"); ok && port == "" {
			return errors.New("the port is missing after the colon")
		}
		if err := checkHost(host); err != nil {
			return err
		}
	}
	b.Host, b.Port = host, ports[b.Scheme]
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("port %q is not a number from 1 to 65535", port)
		}
		b.Port = int(n)
	}
	return nil
}

// checkHost accepts DNS names (RFC 1123, and underscores, which private networks use) and IPv4 literals.
func checkHost(host string) error {
	if host == "" {
		return errors.New("the host is missing")
	}
	if len(host) > 253 {
		return fmt.Errorf("the host has %d characters; a name has 253 at most", len(host))
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" {
			return fmt.Errorf("host %q has an empty part between its dots", host)
		}
		if len(label) > 63 {
			return fmt.Errorf("host %q: a part between dots has 63 characters at most", host)
		}
		for _, r := range label {
			switch {
			case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			case r > 127:
				return fmt.Errorf("host %q: write %q in its ASCII form (xn--...)", host, r)
			default:
				return fmt.Errorf("host %q: %q cannot stand in a name", host, r)
			}
		}
	}
	return nil
}

// Addr returns HOST:PORT as package net takes it.
func (b Broker) Addr() string { return net.JoinHostPort(b.Host, strconv.Itoa(b.Port)) }

// String returns the address with its port, for people. What stands in the query is left out: it may hold a token.
func (b Broker) String() string {
	path, _, query := strings.Cut(b.Path, "?")
	if query {
		path += "?..."
	}
	return string(b.Scheme) + "://" + b.Addr() + path
}

// Secure reports whether the scheme runs over TLS.
func (b Broker) Secure() bool { return b.Scheme == MQTTS || b.Scheme == WSS || b.Scheme == HTTPS }

// AWS reports whether this is an AWS IoT endpoint, where AWS's ALPN names, roots and limits apply.
func (b Broker) AWS() bool { return aws.IsIoTHost(b.Host) }

// Loopback reports whether the broker runs on this machine: localhost or a loopback address.
func (b Broker) Loopback() bool {
	if a, err := netip.ParseAddr(b.Host); err == nil {
		return a.Unmap().IsLoopback()
	}
	name := strings.TrimSuffix(strings.ToLower(b.Host), ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}
