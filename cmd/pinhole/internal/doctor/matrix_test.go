package doctor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestOneThingAtATime: the ClientHellos of the table of tries, as a firewall sees them. The first is the agent's, the second differs from
// it in its size, and each further one from the second in one thing; the last in two that were varied before.
func TestOneThingAtATime(t *testing.T) {
	t.Parallel()
	b := newBench(t, awsHost)
	var mu sync.Mutex
	var seen []string
	b.ports["443"] = serve(t, func(c net.Conn) {
		n := &counted{Conn: c}
		err := tls.Server(n, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			packets := "one packet"
			if n.n > 1400 {
				packets = "two packets"
			}
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, fmt.Sprintf("%s, ALPN %s, %s", h.ServerName, strings.Join(h.SupportedProtos, " "), packets))
			c.Close() // no alert follows
			return nil, net.ErrClosed
		}}).Handshake()
		if err == nil || !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
			t.Errorf("%v", err)
		}
	})
	r := b.run()
	want := []string{
		"abc123-ats.iot.eu-west-1.amazonaws.com, ALPN , one packet",
		"abc123-ats.iot.eu-west-1.amazonaws.com, ALPN http/1.1, one packet",
		"abc123-ats.iot.eu-west-1.amazonaws.com, ALPN x-amzn-mqtt-ca, one packet",
		"abc123-ats.iot.eu-west-1.amazonaws.com, ALPN x-amzn-mqtt-ca, two packets",
		"www.amazon.com, ALPN , one packet",
		"www.amazon.com, ALPN x-amzn-mqtt-ca, one packet",
	}
	slices.Sort(seen)
	if !slices.Equal(seen, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
	tls := slices.IndexFunc(r.Checks, func(c Check) bool { return c.Stage == "tls" })
	if got := len(r.Checks[tls].Tries); got != len(want)+1 { // and TCP alone
		t.Errorf("%d tries are shown:\n%s", got, show(r))
	}
}
