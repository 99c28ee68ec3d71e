package doctor

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"pinhole/publisher/route"
)

// The rows of the table of tries. Each differs from row small in one thing, but the last, which tells whether two filters stand there.
const (
	rowUsual  = iota // as the agent begins: a ClientHello of two packets, unless key_exchange is classical
	rowSmall         // the same in one packet
	rowNoALPN        // no ALPN
	rowOther         // an ALPN name that everybody knows
	rowName          // another server's name
	rowBare          // another name and no ALPN
	rowTCP           // TCP alone, nothing said
	rowV4            // over IPv4
	rows
)

// another is a name that filters know and let through, as far as there is one. It is only asked for at the broker's own address.
func (d *doctor) another() string {
	if d.p.AWS {
		return "www.amazon.com"
	}
	return "www.example.com"
}

// vary is called when a ClientHello was met without a byte. It varies one thing at a time and draws the conclusion. The result's stage is
// that of the culprit; passes says that the agent gets through all the same, with a classical ClientHello.
func (d *doctor) vary(ctx context.Context, usual outcome) (c Check, passes bool) {
	base := d.hello()
	base.classical = true
	variants := [rows]*hello{rowSmall: &base}
	if len(base.alpn) > 0 {
		bare, other := base, base
		bare.alpn, other.alpn = nil, []string{"http/1.1"}
		variants[rowNoALPN], variants[rowOther] = &bare, &other
	}
	elsewhere := base
	elsewhere.name = d.another()
	variants[rowName] = &elsewhere
	if len(base.alpn) > 0 {
		both := elsewhere
		both.alpn = nil
		variants[rowBare] = &both
	}
	if d.proxy == "" && d.families() {
		v4 := base
		v4.network = "tcp4"
		variants[rowV4] = &v4
	}
	var got [rows]*outcome
	got[rowUsual] = &usual
	held := ""
	var wg sync.WaitGroup
	for i, h := range variants {
		if h != nil && !(i == rowSmall && d.hello().classical) {
			wg.Go(func() { got[i] = new(d.probe(ctx, *h)) })
		}
	}
	wg.Go(func() { held = d.hold(ctx) })
	wg.Wait()
	if got[rowSmall] == nil {
		got[rowSmall] = &usual
	}
	c, passes = d.conclude(&got)
	c.Tries = d.table(&got, base.alpn, held)
	if passes {
		d.tls.classical, d.tls.out = true, *got[rowSmall]
	}
	return c, passes
}

// through reports whether something came back.
func through(o *outcome) bool { return o != nil && !o.dial && (o.err == nil || o.bytes > 0) }

// conclude names what is filtered.
func (d *doctor) conclude(got *[rows]*outcome) (c Check, passes bool) {
	host, offered := d.hello().name, strings.Join(d.hello().alpn, ", ")
	allow := "allow TLS to " + d.target()
	how := got[rowSmall].answer()
	noALPN, name := through(got[rowNoALPN]) || through(got[rowOther]), through(got[rowName])
	switch {
	case through(got[rowSmall]) && d.p.TLS.KeyExchange == string(route.Auto):
		return warn("a ClientHello of two packets meets "+got[rowUsual].answer()+", a small one is answered: something on the way drops large ones; "+
			"the agent gets through with the small one", network,
			"let ClientHellos of 1,500 bytes and more pass (post-quantum key exchange, see tldr.fail); "+
				"until then key_exchange: classical saves the agent a wait"), true
	case through(got[rowSmall]):
		return fail("a ClientHello of two packets meets "+got[rowUsual].answer()+", a small one is answered: something on the way drops large ones",
			you, "set publisher.tls.key_exchange to auto or classical; network team: let ClientHellos of 1,500 bytes and more pass"), false
	case noALPN && !name:
		c = fail("with ALPN "+offered+" the ClientHello meets "+how+", without ALPN it is answered: a firewall filters by ALPN", network,
			allow+" with ALPN "+offered)
		c.Stage = route.StageALPN
		return c, false
	case name && !noALPN:
		return fail("with the name "+host+" the ClientHello meets "+how+", with another name it is answered: a firewall filters by server name (SNI)",
			network, allow+" with the server name (SNI) "+host), false
	case name && noALPN:
		return fail("the ClientHello meets "+how+"; without ALPN it is answered, and with another name as well: a firewall filters by the application "+
			"that it recognises", network, allow+" with ALPN "+offered), false
	case through(got[rowBare]):
		return fail("with the name "+host+" or with ALPN "+offered+" the ClientHello meets "+how+", without both it is answered: a firewall filters by both",
			network, allow+" with the server name (SNI) "+host+" and ALPN "+offered), false
	case through(got[rowV4]):
		return fail("over IPv6 the ClientHello meets "+how+", over IPv4 it is answered", network,
			"mend the IPv6 way to "+host+", or announce no IPv6"), false
	}
	return fail("TCP connects, and every ClientHello meets "+how+": TLS as such is blocked, or nothing is behind that port", network,
		allow+"; and check host and port in publisher.broker"), false
}

// table is what was tried, for people.
func (d *doctor) table(got *[rows]*outcome, alpn []string, held string) (tries []Try) {
	offered := strings.Join(alpn, ", ")
	if offered == "" {
		offered = "none"
	}
	names := [rows]string{
		rowUsual: "TLS, SNI " + d.hello().name + ", ALPN " + offered + ", ClientHello of two packets",
		rowSmall: "the same, ClientHello of one packet", rowNoALPN: "... and no ALPN", rowOther: "... and ALPN http/1.1",
		rowName: "... and SNI " + d.another(), rowBare: "... and that SNI, no ALPN", rowV4: "... and over IPv4",
	}
	if d.hello().classical {
		names[rowUsual], names[rowSmall] = "TLS, SNI "+d.hello().name+", ALPN "+offered+", ClientHello of one packet", ""
	}
	tries = []Try{{"TCP alone, nothing said", held}}
	for i, o := range got {
		if o != nil && names[i] != "" {
			tries = append(tries, Try{names[i], o.answer()})
		}
	}
	return tries
}

// hold connects and says nothing, to see whether the connection stands.
func (d *doctor) hold(ctx context.Context) string {
	wait := min(d.o.Limits.Hello, 2*time.Second)
	conn, err := d.tunnel.DialContext(ctx, "tcp", d.p.Broker.Addr())
	if err != nil {
		return "no connection: " + words(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(wait)) // a failure shows in Read
	var b [1]byte
	n, err := conn.Read(b[:])
	o := outcome{err: err, bytes: n}
	switch {
	case n > 0:
		return "the other side speaks first"
	case isTimeout(err):
		return "stays open"
	}
	return o.answer()
}

// families reports whether the broker has addresses of both families.
func (d *doctor) families() bool {
	v4, v6 := false, false
	for _, a := range d.addrs {
		v4, v6 = v4 || a.Is4(), v6 || a.Is6()
	}
	return v4 && v6
}

// target is what a firewall has to know.
func (d *doctor) target() string { return d.p.Broker.Addr() }

func hostOf(a net.Addr) string {
	if a == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return ""
	}
	return host
}
