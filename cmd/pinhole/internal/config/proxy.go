package config

import (
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"pinhole/publisher/route"
)

const (
	oneProxy   = "http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT"
	proxyForms = "write env, none, or " + oneProxy
	listForms  = "write " + oneProxy + ", or direct"
)

// proxy reads the proxies and the files that belong to them.
func (p *parser) proxy(o *object, c *Publisher) {
	v, file, ca := o.get("proxy"), o.get("proxy_password_file"), o.get("proxy_ca")
	before := len(p.problems)
	c.Proxy = v.proxies()
	bad := len(p.problems) > before
	if c.Proxy.PasswordFile = file.credential(); c.Proxy.PasswordFile != "" {
		p.checkSecret(file.path, c.Proxy.PasswordFile)
		user := func(u *url.URL) bool { return u != nil && u.User.Username() != "" }
		if !bad && !slices.ContainsFunc(c.Proxy.List, user) && (len(c.Proxy.List) > 0 || c.Proxy.Env) {
			file.problem("is given without a user", "write the user into publisher.proxy: http://USER@HOST:PORT")
		}
	}
	if c.Proxy.CA = ca.credential(); c.Proxy.CA != "" {
		p.checkCA(ca.path, c.Proxy.CA)
		secure := func(u *url.URL) bool { return u != nil && u.Scheme == "https" }
		if !bad && !slices.ContainsFunc(c.Proxy.List, secure) {
			ca.problem("is for proxies that are spoken to with TLS, and none is named", "write https://HOST:PORT into publisher.proxy, or remove it")
		}
	}
}

// proxies reads env, none, one proxy or a list of them.
func (v value) proxies() (x Proxy) {
	if v.node == nil || v.node.Kind != yaml.SequenceNode {
		switch s, ok := v.scalar(); {
		case !ok || strings.TrimSpace(s) == "env":
			x.Env = true
		case strings.TrimSpace(s) != "none":
			if u, ok := v.proxy(s, proxyForms); ok {
				x.List = []*url.URL{u}
			}
		}
		return x
	}
	if len(v.node.Content) == 0 {
		v.problem("is empty", "write none for no proxy")
	}
	listed := map[string]bool{}
	for _, item := range v.list() {
		s, ok := item.scalar()
		if !ok {
			continue
		}
		if s = strings.TrimSpace(s); s == "env" {
			item.problem("env stands alone and not in a list", listForms)
			continue
		}
		var u *url.URL
		name := "direct"
		if s != "direct" && s != "none" {
			if u, ok = item.proxy(s, listForms); !ok {
				continue
			}
			name = u.Scheme + "://" + u.Host
		}
		if listed[name] {
			item.problem("this way is tried already", "remove it")
			continue
		}
		listed[name] = true
		x.List = append(x.List, u)
	}
	return x
}

// proxy reads the address of one proxy. It never repeats the address in a message: it may hold a password.
func (v value) proxy(s, forms string) (u *url.URL, ok bool) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil {
		v.problem("is no URL", forms)
		return nil, false
	}
	_, secret := u.User.Password()
	switch {
	case secret:
		v.problem("holds a password, which would show in logs and process lists",
			"move it to a file and name that in proxy_password_file")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5":
		v.problem("is no proxy that is known here", forms)
	case u.Hostname() == "":
		v.problem("names no host", forms)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		v.problem("has more than a host and a port", forms)
	default:
		if _, err := route.ParseBroker("mqtts://" + u.Host); err != nil {
			v.problem(err.Error(), forms)
			return nil, false
		}
		return u, true
	}
	return nil, false
}
