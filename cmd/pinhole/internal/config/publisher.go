package config

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"pinhole/publisher/aws"
	"pinhole/publisher/route"
)

// Bounds of the publisher's keys.
const (
	minBatchBytes = 200
	maxBatchBytes = 120000 // a backlog is packed into messages of that size; AWS IoT takes 128 KB
	maxReadings   = 20000
	maxWindow     = 90 // AWS IoT accepts 100 unacknowledged publishes
	maxParallel   = 16 // connections, of which one a second is opened
	minQueue      = 1 << 20
	maxQueue      = 1 << 40
	longest       = 24 * time.Hour
)

func (p *parser) publisher(v value, device string) (c Publisher) {
	o, ok := v.object()
	if !ok {
		return c
	}
	c.Presence = o.get("presence").boolean(false)
	c.Insecure = o.get("insecure").boolean(false)
	p.broker(o, &c)
	c.ClientID = p.clientID(o.get("client_id"), device, c.AWS)
	c.Topic = p.topic(o.get("topic"), device, c.AWS)
	c.QoS = qos(o.get("qos"))
	c.Format = o.get("format").word("json", "json", "columns", "senml")
	c.Username = username(o.get("username"))
	if c.PasswordFile = o.get("password_file").credential(); c.PasswordFile != "" {
		p.checkSecret("publisher.password_file", c.PasswordFile)
		if c.Username == "" && !p.given("publisher.username") {
			p.addAt("publisher.password_file", "is given without a username", "add username: MQTT sends no password without one")
		}
	}
	c.Sign = p.aws(o, device, &c)
	c.TLS = p.tls(o.section("tls"), &c)
	p.proxy(o, &c)
	p.routes(o.get("routes"), &c)
	c.Headers = p.headers(o.get("headers"), &c)
	p.awsFits(&c)
	c.KeepAlive = p.keepAlive(o.get("keepalive"), c.AWS)
	c.Batch = p.batch(o.section("batch"))
	if room := c.Batch.Bytes - len(c.Topic) - len(device); room < minBatchBytes-50 && c.Topic != "" && c.Batch.Bytes > 0 {
		p.addAt("publisher.batch.bytes", fmt.Sprintf("%d bytes leave no room for a reading beside this topic and device", c.Batch.Bytes),
			fmt.Sprintf("at least %d are needed", len(c.Topic)+len(device)+minBatchBytes-50))
	}
	c.Rate = p.rate(o.get("rate"), c.AWS)
	c.Window = int(o.get("window").integer(16, 1, maxWindow))
	c.Parallel = p.parallel(o.get("parallel"), &c)
	c.Queue = p.queue(o.section("queue"))
	c.Reconnect = p.reconnect(o.section("reconnect"))
	o.done()
	return c
}

func qos(v value) byte {
	s, ok := v.typed("0 or 1", "1")
	switch {
	case !ok:
	case s == "0":
		return 0
	case s == "1":
	case s == "2":
		v.problem("2 is not supported", "write 1: each reading names itself by device, sensor, quantity and time, so what arrives "+
			"twice is recognised, and AWS IoT refuses 2")
	default:
		v.problem("must be 0 or 1, but is "+v.what(), "write 1 (delivery is confirmed) or 0 (it is not)")
	}
	return 1
}

func username(v value) string {
	s := v.text("")
	if what := badText(s); what != "" {
		v.problem(what, "")
	} else if len(s) > 65535 {
		v.problem("is longer than MQTT allows", "65535 bytes at most")
	}
	return s
}

func (p *parser) keepAlive(v value, atAWS bool) time.Duration {
	d := v.duration(30*time.Second, 5*time.Second, 20*time.Minute)
	switch {
	case d%time.Second != 0:
		v.problem("MQTT counts the keepalive in whole seconds", "write whole seconds")
	case atAWS && d < aws.MinKeepAlive:
		v.problem(Span(d)+" is out of range at AWS IoT", "allowed are "+Span(aws.MinKeepAlive)+" to "+Span(aws.MaxKeepAlive))
	}
	return d
}

func (p *parser) batch(o *object) (b Batch) {
	b.Readings = int(o.get("readings").integer(500, 1, maxReadings))
	b.Bytes = int(o.get("bytes").size(5000, minBatchBytes, maxBatchBytes))
	b.Age = o.get("age").duration(10*time.Second, 0, longest)
	o.done()
	return b
}

// parallel reads how many posts may be under way at once. The broker, the further ways and the window are known by now.
func (p *parser) parallel(v value, c *Publisher) int {
	n := int(v.integer(1, 1, maxParallel))
	posts := func(b route.Broker) bool { return b.Scheme == route.HTTPS }
	switch {
	case n > c.Window:
		v.problem(fmt.Sprintf("%d posts at once are more than publisher.window allows, %d", n, c.Window), "raise window too")
	case n > 1 && c.Broker.Host != "" && !posts(c.Broker) && !slices.ContainsFunc(c.Routes, posts):
		p.warnAt(v.path, "only https posts, and no way out is https", "remove it")
	}
	return n
}

const rateHint = "write auto, off or {messages: 80, bytes: 400KiB}"

// rate resolves auto: AWS IoT discards in silence what is too much for it, other brokers slow the link down instead.
func (p *parser) rate(v value, atAWS bool) (r Rate) {
	if v.node != nil && v.node.Kind == yaml.MappingNode {
		o, ok := v.object()
		if !ok {
			return r
		}
		r.Messages = float64(o.get("messages").integer(0, 1, 100000))
		r.Bytes = float64(o.get("bytes").size(0, 1000, 1<<30))
		o.done()
		if len(o.entries) == 0 {
			v.problem("is empty", rateHint)
		}
		return r
	}
	if v.choice("auto", rateHint, "auto", "off") == "auto" && atAWS {
		r = Rate{Messages: aws.Publishes, Bytes: aws.Throughput}
	}
	return r
}

func (p *parser) queue(o *object) (q Queue) {
	dir := o.get("dir")
	if q.Dir = dir.file(); q.Dir == "" {
		q.Dir = "/var/lib/pinhole"
	}
	q.Max = o.get("max").size(256<<20, minQueue, maxQueue)
	q.WhenFull = o.get("when_full").word("drop-oldest", "drop-oldest", "drop-newest", "thin")
	q.Sync = o.get("sync").duration(10*time.Second, 0, time.Hour)
	o.done()
	return q
}

func (p *parser) reconnect(o *object) (r Reconnect) {
	r.Min = o.get("min").duration(time.Second, time.Second, time.Hour)
	r.Max = o.get("max").duration(2*time.Minute, time.Second, longest)
	r.Spread = o.get("spread").duration(0, 0, longest)
	o.done()
	return r
}
