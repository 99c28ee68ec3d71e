package session

import (
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// newEngine makes a paho client for one connection. Each setting that differs from paho's default has a reason.
func newEngine(g *guard, o *Options, password string) mqtt.Client {
	p := mqtt.NewClientOptions()
	p.Servers = []*url.URL{{Scheme: "tcp", Host: "broker"}} // demanded, never dialed
	p.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return g, nil })
	p.SetClientID(o.ClientID)
	p.SetUsername(o.Username)
	p.SetPassword(password)
	p.SetKeepAlive(o.KeepAlive)
	p.SetProtocolVersion(4)    // otherwise paho would repeat a refused login as MQTT 3.1, if the guard let it
	p.SetCleanSession(true)    // the queue remembers, the broker need not; AWS's policies rarely allow persistent sessions
	p.SetAutoReconnect(false)  // a reconnect completes the tokens of messages that were not acknowledged
	p.SetConnectRetry(false)   // its sleep cannot be interrupted
	p.SetOrderMatters(false)   // otherwise a handler could block reading
	p.SetStore(noStore{})      // the memory store keeps each message for a resend that never comes
	p.ConnectTimeout = forever // these are the guard's and the connection's, which say why
	p.PingTimeout = forever
	p.WriteTimeout = handOver
	if w := o.Will; w != nil {
		p.SetBinaryWill(w.Topic, w.Payload, w.QoS, w.Retain)
	}
	return mqtt.NewClient(p)
}

const (
	forever = 365 * 24 * time.Hour
	// handOver bounds how long paho may hold up a Publish until its writer is free. The writer is never blocked for longer than
	// route.WriteTimeout.
	handOver = 15 * time.Second
)

// noStore is a paho store that keeps nothing.
type noStore struct{}

func (noStore) Open()                             {}
func (noStore) Put(string, packets.ControlPacket) {}
func (noStore) Get(string) packets.ControlPacket  { return nil }
func (noStore) All() []string                     { return nil }
func (noStore) Del(string)                        {}
func (noStore) Close()                            {}
func (noStore) Reset()                            {}
