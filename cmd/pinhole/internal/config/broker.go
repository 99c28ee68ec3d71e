package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"pinhole/publisher/aws"
	"pinhole/publisher/route"
)

// broker reads where the broker is and judges whether its scheme may be used.
func (p *parser) broker(o *object, c *Publisher) {
	v := o.get("broker")
	s := v.text("")
	if s == "" && !v.quoted() {
		if !o.has("broker") {
			v.problem("is missing", "name the broker, such as `broker: mqtts://HOST:443`")
		}
		return
	}
	b, err := route.ParseBroker(strings.TrimSpace(s))
	if err != nil {
		message, hint, _ := strings.Cut(err.Error(), "; ")
		v.problem(message, hint)
		return
	}
	c.Broker, c.AWS = b, b.AWS()
	p.plain(v, b, c.Insecure)
	if aws.Legacy(b.Host) {
		p.warnAt(v.path, "this is an AWS IoT endpoint of the old type, whose certificate is not signed by Amazon's roots",
			"`aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints the right one")
	}
	if b.Scheme == route.HTTPS && c.Presence {
		p.addAt("publisher.presence", "https has no connection that could be seen or lost", "remove it, or use mqtts or wss")
	}
}

// plain refuses to send readings in the clear beyond this machine, unless that was asked for.
func (p *parser) plain(v value, b route.Broker, insecure bool) {
	if b.Secure() || b.Loopback() || insecure {
		return
	}
	secure := route.MQTTS
	if b.Scheme == route.WS {
		secure = route.WSS
	}
	v.problem(fmt.Sprintf("%s sends everything in the clear, so it is for this machine only", b.Scheme),
		fmt.Sprintf("use %s, or set publisher.insecure: true if the network is yours alone", secure))
}

// routes reads the further ways out: a scheme alone means the same broker, an address another place.
func (p *parser) routes(v value, c *Publisher) {
	for _, item := range v.list() {
		s, ok := item.scalar()
		if !ok {
			continue
		}
		text := strings.TrimSpace(s)
		if slices.Contains([]string{"mqtts", "wss", "https", "mqtt", "ws"}, text) {
			if c.Broker.Host == "" {
				continue // the broker is to blame, and reported
			}
			host := c.Broker.Host
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			text += "://" + host
		} else if !strings.Contains(text, "://") {
			item.problem("unknown way out "+quote(text), "write wss, https, or an address such as wss://HOST/PATH")
			continue
		}
		b, err := route.ParseBroker(text)
		if err != nil {
			message, hint, _ := strings.Cut(err.Error(), "; ")
			item.problem(message, hint)
			continue
		}
		if b == c.Broker || slices.Contains(c.Routes, b) {
			item.problem("this way is tried already", "remove it")
			continue
		}
		p.plain(item, b, c.Insecure)
		if b.AWS() && b.Scheme == route.WSS && !c.Sign.Given {
			p.warnAt(item.path, "AWS IoT takes no client certificates over WebSocket",
				"https works with the same certificate; or set publisher.aws, to sign with credentials")
		}
		c.Routes = append(c.Routes, b)
	}
}

// tls reads the encrypted link's keys. The files are read once here, to find what is wrong with them, and again at each connect.
func (p *parser) tls(o *object, c *Publisher) (t TLS) {
	ca, cert, key := o.get("ca"), o.get("cert"), o.get("key")
	if t.CA = ca.credential(); t.CA != "" {
		p.checkCA(ca.path, t.CA)
	}
	t.Cert, t.Key = cert.credential(), key.credential()
	switch {
	case t.Cert != "" && t.Key != "":
		p.checkPair(cert.path, t.Cert, key.path, t.Key)
	case t.Cert != "" && !failed(key):
		cert.problem("is given without its key", "set tls.key too")
	case t.Key != "" && !failed(cert):
		key.problem("is given without its certificate", "set tls.cert too")
	}
	t.ALPN = alpn(o.get("alpn"))
	t.ServerName = serverName(o.get("server_name"))
	t.KeyExchange = o.get("key_exchange").word("auto", "auto", "hybrid", "classical")
	o.done()
	if c.Broker.Host != "" {
		p.tlsFits(o, t, c)
	}
	return t
}

// failed reports whether something is written at v that could not be read: a problem has been reported, or will be.
func failed(v value) bool {
	return v.node != nil && (v.node.Kind != yaml.ScalarNode || v.node.Tag != "!!str" || v.node.Value != "")
}

// tlsFits warns of what cannot work with this broker.
func (p *parser) tlsFits(o *object, t TLS, c *Publisher) {
	if !c.Broker.Secure() && (t.CA != "" || t.Cert != "" || t.ServerName != "" || len(t.ALPN.Names) > 0) {
		p.warnAt(o.path, string(c.Broker.Scheme)+" uses no TLS", "use an encrypted scheme, or remove these keys")
	}
	if c.AWS && c.Broker.Scheme == route.WSS && t.Cert != "" && !c.Sign.Given {
		p.warnAt("publisher.broker", "AWS IoT takes no client certificates over WebSocket",
			"use mqtts or https; or set publisher.aws, to sign with credentials")
	}
	if c.AWS && t.Cert == "" && c.Username == "" && c.Broker.Scheme != route.WSS && !(c.Broker.Scheme == route.HTTPS && c.Sign.Given) && len(p.problems) == 0 {
		p.warnAt("publisher.broker", "AWS IoT asks for a client certificate, and none is named", "set tls.cert and tls.key")
	}
}

func alpn(v value) (a ALPN) {
	if v.node == nil || v.node.Kind != yaml.SequenceNode {
		return ALPN{Auto: v.choice("auto", "write auto, none, or a list such as [x-amzn-mqtt-ca]", "auto", "none") == "auto"}
	}
	if len(v.node.Content) == 0 {
		v.problem("is empty", "write none to offer nothing")
	}
	for _, item := range v.list() {
		s := item.text("")
		switch {
		case item.node == nil:
		case s == "" || len(s) > 255:
			item.problem("must have 1 to 255 bytes", "such as x-amzn-mqtt-ca") // RFC 7301 section 3.1
		case badText(s) != "":
			item.problem(badText(s), "")
		case slices.Contains(a.Names, s):
			item.problem(quote(s)+" is listed twice", "remove one")
		default:
			a.Names = append(a.Names, s)
		}
	}
	return a
}

func serverName(v value) string {
	s := v.text("")
	if s == "" {
		return ""
	}
	if _, err := route.ParseBroker(s); err != nil || strings.ContainsAny(s, ":/") {
		v.problem("must be a host name, but is "+quote(s), "write the name that stands in the server's certificate")
	}
	return s
}
