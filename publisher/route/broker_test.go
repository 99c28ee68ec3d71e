package route

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseBroker(t *testing.T) {
	for _, c := range []struct {
		text string
		want Broker
		full string // String of the result
	}{
		{"abc-ats.iot.eu-west-1.amazonaws.com", Broker{MQTTS, "abc-ats.iot.eu-west-1.amazonaws.com", 443, ""},
			"mqtts://abc-ats.iot.eu-west-1.amazonaws.com:443"},
		{"broker:8883", Broker{MQTTS, "broker", 8883, ""}, "mqtts://broker:8883"},
		{"mqtts://broker.example", Broker{MQTTS, "broker.example", 443, ""}, "mqtts://broker.example:443"},
		{"mqtts://broker.example/", Broker{MQTTS, "broker.example", 443, ""}, "mqtts://broker.example:443"},
		{"MQTT://127.0.0.1", Broker{MQTT, "127.0.0.1", 1883, ""}, "mqtt://127.0.0.1:1883"},
		{"wss://hub/$iothub/websocket?iothub-no-client-cert=true",
			Broker{WSS, "hub", 443, "/$iothub/websocket?iothub-no-client-cert=true"},
			"wss://hub:443/$iothub/websocket?..."},
		{"ws://localhost?x=/y", Broker{WS, "localhost", 80, "?x=/y"}, "ws://localhost:80?..."},
		{"wss://hub/", Broker{WSS, "hub", 443, "/"}, "wss://hub:443/"},
		{"https://hub:8443", Broker{HTTPS, "hub", 8443, ""}, "https://hub:8443"},
		{"[2001:db8::1]", Broker{MQTTS, "2001:db8::1", 443, ""}, "mqtts://[2001:db8::1]:443"},
		{"mqtt://[::1]:1884", Broker{MQTT, "::1", 1884, ""}, "mqtt://[::1]:1884"},
		{"mqtts://[fe80::1%eth0]:443", Broker{MQTTS, "fe80::1%eth0", 443, ""}, "mqtts://[fe80::1%eth0]:443"},
		{"mqtt_broker", Broker{MQTTS, "mqtt_broker", 443, ""}, "mqtts://mqtt_broker:443"},
		{"broker.example.", Broker{MQTTS, "broker.example.", 443, ""}, "mqtts://broker.example.:443"},
	} {
		got, err := ParseBroker(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
		if got.String() != c.full {
			t.Errorf("%s: String is %s, want %s", c.text, got, c.full)
		}
	}
}

func TestParseBrokerNamesTheMistake(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "the host is missing"},
		{"mqtts://", "the host is missing"},
		{"mqtts://:443", "the host is missing"},
		{"ssl://broker", `scheme "ssl" is not known here; use mqtts`},
		{"tcp://broker", `scheme "tcp" is not known here; use mqtt`},
		{"http://broker", `scheme "http" is not known here; use https`},
		{"gopher://broker", `scheme "gopher" is not known; use mqtts, wss, https, mqtt or ws`},
		{"://broker", `scheme "" is not known; use mqtts, wss, https, mqtt or ws`},
		{"mqtts://me:secret@broker", "user and password do not belong into the address; use username and password_file"},
		{"mqtts://broker/mqtt", `mqtts has no path, but "/mqtt" stands after the host; leave it out`},
		{"broker/mqtt", `mqtts has no path, but "/mqtt" stands after the host; leave it out`},
		{"wss://broker/mqtt#x", "a fragment (#) means nothing in a broker's address; leave it out"},
		{"broker:", "the port is missing after the colon"},
		{"broker:0", `port "0" is not a number from 1 to 65535`},
		{"broker:65536", `port "65536" is not a number from 1 to 65535`},
		{"broker:+443", `port "+443" is not a number from 1 to 65535`},
		{"2001:db8::1", `"2001:db8::1": write an IPv6 address in brackets: [2001:db8::1]`},
		{"a:b:c", `"a:b:c" has more than one colon; HOST:PORT is meant`},
		{"[::1", `"[::1": the bracket of the IPv6 address is not closed`},
		{"[::1]x", `"[::1]x": after the bracket only a colon and a port may stand`},
		{"[::1]:", "the port is missing after the colon"},
		{"[127.0.0.1]", `"127.0.0.1" is not an IPv6 address; brackets are for those only`},
		{"a..b", `host "a..b" has an empty part between its dots`},
		{"my broker", `host "my broker": ' ' cannot stand in a name`},
		{"brücke.example", `host "brücke.example": write 'ü' in its ASCII form (xn--...)`},
	} {
		got, err := ParseBroker(c.text)
		switch {
		case err == nil:
			t.Errorf("%s: accepted as %v", c.text, got)
		case err.Error() != c.want:
			t.Errorf("%s:\ngot  %s\nwant %s", c.text, err, c.want)
		}
	}
}

func TestBrokerProperties(t *testing.T) {
	for _, c := range []struct {
		text                  string
		secure, aws, loopback bool
	}{
		{"abc-ats.iot.eu-west-1.amazonaws.com", true, true, false},
		{"mqtt://localhost", false, false, true},
		{"mqtt://lab.localhost", false, false, true},
		{"mqtt://127.3.2.1", false, false, true},
		{"ws://[::1]", false, false, true},
		{"ws://[::ffff:127.0.0.1]", false, false, true},
		{"mqtt://localhost.example", false, false, false},
		{"https://10.0.0.1", true, false, false},
	} {
		b, err := ParseBroker(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if b.Secure() != c.secure || b.AWS() != c.aws || b.Loopback() != c.loopback {
			t.Errorf("%s: secure %v aws %v loopback %v, want %v %v %v", c.text, b.Secure(), b.AWS(), b.Loopback(),
				c.secure, c.aws, c.loopback)
		}
	}
}

func FuzzParseBroker(f *testing.F) {
	for _, s := range []string{"a", "mqtts://[::1]:1", "wss://x/y?z", "ssl://a", "a:b:c", "[", "]:", "wss://a?b/c", "ws://a/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseBroker(s)
		if err != nil {
			return
		}
		again, err := ParseBroker(string(b.Scheme) + "://" + b.Addr() + b.Path)
		if err != nil {
			t.Fatalf("%q gives %q, which is refused: %v", s, b, err)
		}
		if again != b {
			t.Fatalf("%q gives %q, which reads as %q", s, b, again)
		}
	})
}
