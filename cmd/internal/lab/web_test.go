package lab

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const postPath = "/topics/pinhole%2Fd%2Freadings?qos=1"

// browser posts with a certificate, or without.
func browser(t testing.TB, l *Lab, alpn string, cert bool) *http.Client {
	t.Helper()
	cfg := clientTLS(t, l)
	if cfg.NextProtos = nil; alpn != "" {
		cfg.NextProtos = []string{alpn}
	}
	if !cert {
		cfg.Certificates = nil
	}
	transport := &http.Transport{TLSClientConfig: cfg}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func postTo(t testing.TB, c *http.Client, url, body string) (status int, answer string, err error) {
	t.Helper()
	resp, err := c.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func TestPublishOverHTTPS(t *testing.T) {
	l := startLab(t, Options{Web: "127.0.0.1:0"})
	for i, c := range []struct{ addr, alpn string }{{l.Addr(), ALPNHTTP}, {l.Web(), ""}, {l.Web(), "http/1.1"}} {
		status, answer, err := postTo(t, browser(t, l, c.alpn, true), "https://"+c.addr+postPath, batch(i*10, i*10+10))
		if status != 200 || err != nil || answer != `{"message":"OK"}` {
			t.Errorf("%+v: %d %s, %v", c, status, answer, err)
		}
		if got := l.Judge().Totals().Readings; got != uint64(i+1)*10 {
			t.Errorf("%d readings booked", got)
		}
	}
	client := browser(t, l, ALPNHTTP, true)
	for _, c := range []struct {
		path, body string
		want       int
	}{
		{"/topics/a%2F%2B?qos=1", "{}", 400},
		{"/topics/a?qos=2", "{}", 400},
		{"/topics/?qos=1", "{}", 400},
		{"/topics/" + strings.Repeat("t", MaxTopic+1), "{}", 400},
		{"/elsewhere", "{}", 404},
		{"/role-aliases/x/credentials", "", 404},
		{postPath, strings.Repeat("x", MaxPayload+1), 413},
	} {
		if status, answer, err := postTo(t, client, "https://"+l.Addr()+c.path, c.body); status != c.want || err != nil {
			t.Errorf("%s: %d %s, %v, want %d", c.path, status, answer, err, c.want)
		}
	}
	if resp, err := client.Get("https://" + l.Addr() + postPath); err != nil || resp.StatusCode != 405 {
		t.Errorf("GET: %+v, %v", resp, err)
	} else {
		resp.Body.Close()
	}
	if _, _, err := postTo(t, browser(t, l, ALPNHTTP, false), "https://"+l.Addr()+postPath, "{}"); err == nil {
		t.Error("taken without a certificate")
	}
	if status, answer, err := postTo(t, browser(t, l, "", false), "https://"+l.Web()+postPath, "{}"); status != 403 || err != nil {
		t.Errorf("without a signature: %d %s, %v", status, answer, err)
	}
	if got := l.Judge().Totals().Readings; got != 30 {
		t.Errorf("%d readings booked, want the 30 of before", got)
	}
}

// TestFaultsOverHTTPS: those that mean something there.
func TestFaultsOverHTTPS(t *testing.T) {
	for text, want := range map[string]struct {
		statuses []int // of three posts; 0: no answer
		booked   uint64
	}{
		"deny-publish":      {[]int{403, 403, 403}, 0},
		"http-status":       {[]int{503, 503, 503}, 0},
		"http-status=429*1": {[]int{429, 429, 429}, 0}, // on one connection
		"not-active":        {[]int{403, 403, 403}, 0},
		`poison="value":1`:  {[]int{200, 400, 200}, 2},
		"cut-before-ack=2":  {[]int{200, 0, 200}, 3}, // the third is the first of its connection
		"cut-after=1":       {[]int{200, 200, 200}, 3},
		"slow-ack=10ms":     {[]int{200, 200, 200}, 3},
		"mute-ack":          {[]int{0}, 1},
		"alpn-reject":       {[]int{0}, 0},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, Options{Faults: fault(t, text)})
			client := browser(t, l, ALPNHTTP, true)
			if text == "mute-ack" {
				client.Timeout = 200 * time.Millisecond
			}
			for n, status := range want.statuses {
				got, answer, err := postTo(t, client, "https://"+l.Addr()+postPath, batch(n, n+1))
				if got != status || (status == 0) != (err != nil) {
					t.Errorf("post %d: %d %s, %v, want %d", n, got, answer, err, status)
				}
				if strings.HasPrefix(text, "cut-after") {
					client.CloseIdleConnections() // so as not to meet the one that is being closed
				}
			}
			if got := l.Judge().Totals().Readings; got != want.booked {
				t.Errorf("%d readings booked, want %d", got, want.booked)
			}
		})
	}
}

func TestRateOverHTTPS(t *testing.T) {
	l := startLab(t, Options{})
	client, throttled := browser(t, l, ALPNHTTP, true), 0
	for n := range MaxPublishes + 20 {
		status, _, err := postTo(t, client, "https://"+l.Addr()+postPath, batch(n, n+1))
		if err != nil {
			t.Fatal(err)
		}
		if status == 429 {
			throttled++
		}
	}
	if s := l.Stats(); s.Discarded != uint64(throttled) || s.Publishes+s.Discarded != MaxPublishes+20 {
		t.Errorf("%d throttled, %+v", throttled, s)
	}
}

// TestCurlSigns: curl's own implementation of Signature Version 4 is taken, and not with another secret.
func TestCurlSigns(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err == nil {
		var help []byte
		if help, err = exec.Command(curl, "--help", "all").Output(); err == nil && !bytes.Contains(help, []byte("--aws-sigv4")) {
			err = errors.New("it knows no --aws-sigv4")
		}
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("curl: %v", err)
		}
		t.Skipf("curl: %v", err)
	}
	l := startLab(t, Options{Web: "127.0.0.1:0"})
	id, secret := labKey(t, l)
	for user, want := range map[string]string{id + ":" + secret: "200", id + ":" + secret + "x": "403"} {
		// A topic of one level: curl 7 does not escape the path twice, as AWS wants it for all services but S3.
		out, err := exec.Command(curl, "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--http1.1", "--no-alpn", "--cacert", filepath.Join(l.Dir(), caFile),
			"--aws-sigv4", "aws:amz:"+Region+":"+serviceData, "--user", user, "-H", "Content-Type: application/json", "--data-binary", batch(0, 1),
			"https://"+l.Web()+"/topics/readings?qos=1").CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("got %s, %v, want %s", out, err, want)
		}
	}
}

// labKey reads the access key that the lab wrote.
func labKey(t testing.TB, l *Lab) (id, secret string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(l.Dir(), credentialsFile))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	if len(fields) != 7 {
		t.Fatalf("credentials:\n%s", text)
	}
	return fields[3], fields[6]
}

func TestCredentialsProvider(t *testing.T) {
	l := startLab(t, Options{Web: "127.0.0.1:0"})
	get := func(path string, cert bool) (int, []byte) {
		t.Helper()
		resp, err := browser(t, l, "", cert).Get("https://" + l.Web() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, body
	}
	status, body := get("/role-aliases/pinhole/credentials", true)
	var answer struct {
		Credentials struct {
			AccessKeyID, SecretAccessKey, SessionToken string
			Expiration                                 time.Time
		}
	}
	if err := json.Unmarshal(body, &answer); status != 200 || err != nil {
		t.Fatalf("%d %s, %v", status, body, err)
	}
	a := answer.Credentials
	secret, token, ok := l.keys.find(a.AccessKeyID)
	if !ok || secret != a.SecretAccessKey || token != a.SessionToken || token == "" || time.Until(a.Expiration) < 50*time.Minute {
		t.Errorf("got %+v", a)
	}
	if status, _ := get("/role-aliases/pinhole/credentials", false); status != 403 {
		t.Errorf("without a certificate: %d", status)
	}
	for _, path := range []string{"/role-aliases//credentials", "/role-aliases/a/b/credentials", "/role-aliases/a"} {
		if status, _ := get(path, true); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// TestWebSocketRefusals: what is not signed, not MQTT or not the path gets no WebSocket. What gets one is tested from the agent's
// side, with the agent's own client.
func TestWebSocketRefusals(t *testing.T) {
	l := startLab(t, Options{Web: "127.0.0.1:0"})
	const fields = " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
	for name, c := range map[string]struct{ addr, alpn, request, want string }{
		"unsigned":           {l.Web(), "", "GET /mqtt" + fields, "HTTP/1.1 403"},
		"path":               {l.Web(), "http/1.1", "GET /" + fields, "HTTP/1.1 404"},
		"method":             {l.Web(), "", "POST /mqtt" + fields, "HTTP/1.1 404"},
		"with a certificate": {l.Addr(), ALPNHTTP, "GET /mqtt" + fields, "HTTP/1.1 404"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := clientTLS(t, l)
			if cfg.NextProtos = nil; c.alpn != "" {
				cfg.NextProtos = []string{c.alpn}
			}
			conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", c.addr, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			io.WriteString(conn, c.request)
			answer, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(answer), c.want) {
				t.Errorf("got %q, %v, want %s", answer, err, c.want)
			}
		})
	}
	if _, err := tls.Dial("tcp", l.Web(), clientTLS(t, l)); err == nil || !strings.Contains(err.Error(), "no application protocol") {
		t.Errorf("MQTT's ALPN name on the web listener: %v", err)
	}
}

func TestWebAddress(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "nothing"} {
		if l, err := Start(Options{Web: addr}); err == nil {
			l.Close()
			t.Errorf("%s was taken", addr)
		}
	}
	if l := startLab(t, Options{}); l.Web() != "" {
		t.Errorf("web listener %s", l.Web())
	}
}
