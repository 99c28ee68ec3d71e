package config

import (
	"net/http"
	"slices"
	"strings"

	"pinhole/publisher/route"
)

// ownHeaders are the fields of an upgrade's request that have their values already, or would make another request of it.
var ownHeaders = []string{"Host", "Upgrade", "Connection", "User-Agent", "Content-Length", "Transfer-Encoding"}

// headers reads further fields for the requests that open a WebSocket. Their values are secrets: no message repeats them.
func (p *parser) headers(v value, c *Publisher) (h http.Header) {
	o, _ := v.object()
	for _, e := range o.entries {
		item := p.child(join(v.path, show(e.name)), e.node)
		name := http.CanonicalHeaderKey(e.name)
		text := item.text("")
		switch what := badText(text); {
		case !isToken(e.name):
			item.problem("the name has a character that no header's name may have", "letters, digits and - are good ones") // RFC 9110 section 5.6.2
		case slices.Contains(ownHeaders, name) || strings.HasPrefix(name, "Sec-Websocket-"):
			item.problem("is set by the agent itself", "remove it")
		case h[name] != nil:
			item.problem("is here for the second time: upper and lower case are the same", "keep one of them")
		case what != "":
			item.problem(what, "write the value in one line")
		default:
			if h == nil {
				h = http.Header{}
			}
			h[name] = []string{text}
		}
	}
	web := func(b route.Broker) bool { return b.Scheme == route.WSS || b.Scheme == route.WS }
	if h != nil && c.Broker.Host != "" && !web(c.Broker) && !slices.ContainsFunc(c.Routes, web) {
		p.warnAt(v.path, "headers are sent where a WebSocket is opened, and neither broker nor routes ask for one", "remove them, or use wss")
	}
	return h
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}
