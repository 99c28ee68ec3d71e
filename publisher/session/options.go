package session

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"
)

// Defaults of Options.
const (
	KeepAlive      = 30 * time.Second
	ConnackTimeout = 10 * time.Second
	AckTimeout     = 20 * time.Second
	PingTimeout    = 10 * time.Second
	MaxInbound     = 256 * 1024 // bytes
)

// Options are the settings of a session. Zero values mean the defaults above.
type Options struct {
	ClientID string                 // not empty
	Username string                 // "" is none
	Password func() (string, error) // asked once for each connection; nil is none. Needs a Username [MQTT-3.1.2-22]

	KeepAlive      time.Duration // 1 s to 65535 s, rounded up to seconds
	ConnackTimeout time.Duration // from CONNECT to CONNACK
	AckTimeout     time.Duration // to PUBACK, see Publish
	PingTimeout    time.Duration // from PINGREQ to PINGRESP at most; shorter with a keepalive under 30 s
	MaxInbound     int           // bytes of the largest packet that the broker may announce

	Will *Will        // what the broker publishes when the connection breaks; nil is nothing
	Log  *slog.Logger // gets oddities of the broker; nil is silent
}

// Will is the message that a broker publishes for a client that vanished.
type Will struct {
	Topic   string
	Payload []byte // 65535 bytes at most
	QoS     byte   // 0 or 1
	Retain  bool
}

// complete checks the options and fills in the defaults.
func (o *Options) complete() error {
	if o.ClientID == "" {
		return errors.New("the client id is empty")
	}
	for _, s := range []struct{ name, value string }{{"client id", o.ClientID}, {"user name", o.Username}} {
		if err := checkString(s.name, s.value); err != nil {
			return err
		}
	}
	if o.Password != nil && o.Username == "" {
		return errors.New("a password needs a user name")
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = KeepAlive
	}
	o.KeepAlive = (o.KeepAlive + time.Second - 1).Truncate(time.Second)
	if o.KeepAlive < time.Second || o.KeepAlive > 65535*time.Second {
		return fmt.Errorf("keepalive %v is not from 1s to 65535s", o.KeepAlive)
	}
	if o.ConnackTimeout <= 0 {
		o.ConnackTimeout = ConnackTimeout
	}
	if o.AckTimeout <= 0 {
		o.AckTimeout = AckTimeout
	}
	if o.PingTimeout <= 0 {
		o.PingTimeout = PingTimeout
	}
	o.PingTimeout = min(o.PingTimeout, patience(o.KeepAlive))
	if o.MaxInbound <= 0 {
		o.MaxInbound = MaxInbound
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if w := o.Will; w != nil {
		if err := CheckTopic(w.Topic); err != nil {
			return fmt.Errorf("will: %w", err)
		}
		if w.QoS > 1 || len(w.Payload) > 65535 {
			return fmt.Errorf("will: qos %d or %d bytes of payload are too much", w.QoS, len(w.Payload))
		}
	}
	return nil
}

// patience returns how long a PINGRESP may take so that a dead peer is noticed within one and a half keepalives of silence. paho
// looks at its clock every 5 s, or every quarter of a keepalive up to 10 s (its ping.go), so the PINGREQ itself can be that late.
// Between 10 s and 20 s there is not enough room left, and a quarter of the keepalive is taken: up to 2.3 s more in total.
func patience(keepAlive time.Duration) time.Duration {
	late := 5 * time.Second
	if keepAlive <= 10*time.Second {
		late = keepAlive / 4
	}
	return max(keepAlive/2-late, keepAlive/4)
}

// CheckTopic checks a topic to publish to against MQTT 3.1.1 section 4.7: 1 to 65535 bytes of UTF-8, no wildcard, no NUL. What a
// broker allows beyond that is its own affair.
func CheckTopic(topic string) error {
	if topic == "" {
		return errors.New("the topic is empty")
	}
	if i := strings.IndexAny(topic, "+#"); i >= 0 {
		return fmt.Errorf("topic %q has the wildcard %q, which is for subscribing only", topic, topic[i])
	}
	return checkString("topic", topic)
}

// checkString checks a string against MQTT 3.1.1 section 1.5.3.
func checkString(name, s string) error {
	switch {
	case len(s) > 65535:
		return fmt.Errorf("the %s has %d bytes; 65535 is the most", name, len(s))
	case !utf8.ValidString(s):
		return fmt.Errorf("the %s %q is not UTF-8", name, s)
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("the %s %q has a NUL character", name, s)
	}
	return nil
}
