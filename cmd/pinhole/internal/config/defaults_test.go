package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSmallestAtAWS: five lines are enough there, and AWS's limits apply by themselves.
func TestSmallestAtAWS(t *testing.T) {
	cert, key := pair(t)
	o := options()
	o.Dir = folder(t, map[string][]byte{"device.crt": cert, "device.key": key})
	text := `publisher: {broker: abc123-ats.iot.eu-west-1.amazonaws.com, tls: {cert: device.crt, key: device.key}}
sensors: [{name: air, kind: bme280}]
`
	c, problems := Parse("f", []byte(text), o)
	if c == nil {
		t.Fatal(problems)
	}
	p := c.Publisher
	if !p.AWS || p.Broker.String() != "mqtts://abc123-ats.iot.eu-west-1.amazonaws.com:443" || len(c.Warnings) > 0 {
		t.Errorf("%+v, warnings %v", p.Broker, c.Warnings)
	}
	if want := (Rate{Messages: 80, Bytes: 400 << 10}); p.Rate != want {
		t.Errorf("rate %v, want %v", p.Rate, want)
	}
	if p.TLS.Cert != o.Dir+"/device.crt" || p.TLS.Key != o.Dir+"/device.key" {
		t.Errorf("%+v", p.TLS)
	}
	c, problems = Parse("f", []byte(strings.Replace(text, "tls:", "rate: off, topic: $aws/rules/r/"+strings.Repeat("t/", 7)+"t, tls:", 1)), o)
	if c == nil {
		t.Fatal(problems)
	}
	if c.Publisher.Rate != (Rate{}) {
		t.Errorf("rate: off gives %v", c.Publisher.Rate)
	}
}

func TestTheHostNameIsTheDevice(t *testing.T) {
	for _, c := range []struct{ host, want, problem string }{
		{"raspberrypi.local", "raspberrypi.local", ""},
		{"", "", "f:1:1: device: the host name cannot serve as the device's name: it is empty; set device to a name of A-Z a-z 0-9 . _ -"},
		{"my pi", "", "f:1:1: device: the host name cannot serve as the device's name: it holds ' '; set device to a name of A-Z a-z 0-9 . _ -"},
	} {
		o := options()
		o.Hostname = c.host
		got, problems := Parse("f", []byte(smallest), o)
		switch {
		case c.problem == "" && (got == nil || got.Device != c.want || got.Publisher.ClientID != c.want):
			t.Errorf("%q: %+v %v", c.host, got, problems)
		case c.problem != "" && (len(problems) != 1 || problems[0].String() != c.problem):
			t.Errorf("%q:\n got %v\nwant %s", c.host, problems, c.problem)
		}
		if got, problems := Parse("f", []byte("device: d\n"+smallest), o); got == nil {
			t.Errorf("%q with device: %v", c.host, problems)
		}
	}
}

// TestManySensors: the largest configuration is read, and quickly.
func TestManySensors(t *testing.T) {
	var b strings.Builder
	b.WriteString("publisher: {broker: h}\nsensors:\n")
	const n = 20000
	for i := range n {
		fmt.Fprintf(&b, "- {name: s%d, kind: mock, every: 1s}\n", i)
	}
	start := time.Now()
	c := good(t, b.String())
	if len(c.Sensors) != n || c.Sensors[n-1].Name != "s19999" {
		t.Errorf("%d sensors", len(c.Sensors))
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestDurations(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"10s", 10 * time.Second, true}, {"1h30m", 90 * time.Minute, true}, {"2d", 48 * time.Hour, true}, {"1.5d", 36 * time.Hour, true},
		{"1d1s", 24*time.Hour + time.Second, true}, {"250us", 250 * time.Microsecond, true}, {"0s", 0, true},
		{"", 0, false}, {"0", 0, false}, {"5", 0, false}, {"-5s", 0, false}, {"+5s", 0, false}, {"d", 0, false}, {"1d-1s", 0, false},
		{"-1d", 0, false}, {"99999999d", 0, false}, {"9999999999h", 0, false}, {"1w", 0, false}, {"1 s", 0, false}, {"1d 1s", 0, false},
	} {
		if got, ok := parseDuration(c.text); got != c.want || ok != c.ok {
			t.Errorf("%q: %v %v, want %v %v", c.text, got, ok, c.want, c.ok)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 90 * time.Second: "1m30s", time.Hour: "1h", 48 * time.Hour: "2d", 25 * time.Hour: "25h",
		10 * time.Minute: "10m", 500 * time.Millisecond: "500ms", time.Hour + 5*time.Second: "1h0m5s",
	} {
		if got := Span(d); got != want {
			t.Errorf("Span(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"5000", 5000, true}, {"400KiB", 400 << 10, true}, {"256MiB", 256 << 20, true}, {"1.5GiB", 3 << 29, true}, {"1TiB", 1 << 40, true},
		{"2MB", 2e6, true}, {"1kB", 1000, true}, {"1 KB", 1000, true}, {"7B", 7, true}, {"0", 0, true},
		{"", 0, false}, {"MiB", 0, false}, {"1M", 0, false}, {"1mib", 0, false}, {"-1", 0, false}, {"0.5", 0, false}, {"1e30", 0, false},
		{"0x10", 0, false}, {"1_000", 0, false}, {"nan", 0, false}, {"inf", 0, false},
	} {
		if got, ok := parseSize(c.text); got != c.want || ok != c.ok {
			t.Errorf("%q: %v %v, want %v %v", c.text, got, ok, c.want, c.ok)
		}
	}
	want := []string{"0", "200", "5000", "1KiB", "1MiB", "3GiB", "1TiB"}
	var got []string
	for _, n := range []int64{0, 200, 5000, 1024, 1 << 20, 3 << 30, 1 << 40} {
		got = append(got, bytesText(n))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
