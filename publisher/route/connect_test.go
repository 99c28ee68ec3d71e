package route

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// proxyFunc is a layer below whose far end is a function in this process; visit counts the connections, from 1. It works in
// virtual time as well.
func proxyFunc(serve func(conn net.Conn, visit int)) Dialer { return &inProcess{serve: serve} }

type inProcess struct {
	serve  func(net.Conn, int)
	visits int
}

func (p *inProcess) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if ctx.Err() != nil {
		return nil, &Error{Stage: StageProxy, Op: "reach", Err: ctx.Err()}
	}
	near, far := net.Pipe()
	p.visits++
	visit := p.visits
	go func() {
		p.serve(far, visit)
		_ = far.Close()
	}()
	return near, nil
}

func testHop(scheme, user, password string) *hop {
	return &hop{scheme: scheme, host: "10.0.0.1", port: "3128", user: user, from: "publisher.proxy",
		password: func() (string, error) { return password, nil }}
}

// requests are what arrives at a proxy. What is no proper CONNECT to broker.test:443 fails the test.
func requests(t *testing.T, conn net.Conn) iter.Seq[*http.Request] {
	return func(yield func(*http.Request) bool) {
		for req := range anyRequests(conn) {
			if req.Method != http.MethodConnect || req.RequestURI != "broker.test:443" || req.Host != "broker.test:443" {
				t.Errorf("request %s %s of host %s", req.Method, req.RequestURI, req.Host)
			}
			if !yield(req) {
				return
			}
		}
	}
}

// anyRequests are requests of which nothing is checked.
func anyRequests(conn net.Conn) iter.Seq[*http.Request] {
	return func(yield func(*http.Request) bool) {
		r := bufio.NewReader(conn)
		for req, err := http.ReadRequest(r); err == nil && yield(req); req, err = http.ReadRequest(r) {
		}
	}
}

func echo(conn net.Conn) { _, _ = io.Copy(conn, conn) } // ends with the client

// echoes checks that the tunnel carries bytes both ways, and has no deadline left, then closes it.
func echoes(t *testing.T, conn net.Conn) {
	t.Helper()
	defer conn.Close()
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	var b [4]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil || string(b[:]) != "ping" {
		t.Fatalf("%q came back, %v", b, err)
	}
}

// TestAnswersOfProxies shows every kind of answer to one CONNECT.
func TestAnswersOfProxies(t *testing.T) {
	basic := base64.StdEncoding.EncodeToString([]byte("me:" + canary))
	head := func(n int) string { return "HTTP/1.1 200 OK\r\nX-Filler: " + strings.Repeat("x", n) + "\r\n\r\n" }
	for _, c := range []struct {
		name, answer string
		want, hint   string // of the error; "" for a tunnel
	}{
		{"200", "HTTP/1.1 200 Connection established\r\n\r\n", "", ""},
		{"no reason", "HTTP/1.1 200\r\n\r\n", "", ""},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", "", ""},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", "", ""},
		{"lengths do not count", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "", ""},
		{"chunked does not count", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", ""},
		{"100 before", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "", ""},
		{"8 KiB", head(8 << 10), "", ""},
		{"64 KiB", head(64 << 10), "more than 32 KiB", "not how a proxy answers"},
		{"endless line", "HTTP/1.1 200 " + strings.Repeat("x", 64<<10), "more than 32 KiB", "not how a proxy answers"},
		{"403", "HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n",
			"tunnel to broker.test:443 through proxy http://10.0.0.1:3128: the proxy answered 403 Forbidden (ERR_ACCESS_DENIED 0)", "ask its operator"},
		{"302", "HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", "302 Found", "login page"},
		{"400", "HTTP/1.1 400 The plain HTTP request was sent to HTTPS port\r\n\r\n", "400 The plain", "https://"},
		{"404", "HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found", "web server"},
		{"405", "HTTP/1.1 405 Method Not Allowed\r\n\r\n", "405", "does not do CONNECT"},
		{"429", "HTTP/1.1 429 Slow Down\r\n\r\n", "429 Slow Down", "proxy's log"},
		{"502", "HTTP/1.1 502 Bad Gateway\r\n\r\n", "502 Bad Gateway", "cannot reach the broker"},
		{"503 DNS", "HTTP/1.1 503 Oops\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n\r\n", "ERR_DNS_FAIL", "cannot resolve the broker's name"},
		{"407", "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", "407 No; it wants Basic", "does not take this user"},
		{"407 and no scheme", "HTTP/1.1 407 No\r\n\r\n", "407 No", "login=NEGOTIATE"},
		{"Kerberos", "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\n\r\n", "it wants Negotiate", "login=NEGOTIATE"},
		{"Digest unknown", "HTTP/1.1 407 No\r\nProxy-Authenticate: Digest nonce=\"x\", algorithm=SHA-512-256\r\n\r\n", "SHA-512-256", "MD5 or SHA-256"},
		{"nothing", "", "hung up without an answer: EOF", "does it want https://"},
		{"half a line", "HTTP/1.1 200", "in the middle of its answer", ""},
		{"half a head", "HTTP/1.1 200 OK\r\nVia: x\r\n", "in the middle of its answer", ""},
		{"half a word", "HTT", `no HTTP proxy, it says "HTT"`, "host and port"},
		{"SOCKS", "\x05\xff", "no HTTP proxy", "socks5://"},
		{"TLS", "\x15\x03\x01\x00\x02\x02\x16", "no HTTP proxy", "https://"},
		{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", `"SSH-2.0-OpenSSH_9.2`, "host and port"},
		{"malformed status", "HTTP/1.1 abc OK\r\n\r\n", "malformed", ""},
		{"malformed field", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "malformed", ""},
		{"echo in the reason", "HTTP/1.1 403 Not for " + basic + "\r\n\r\n", "403 [withheld", ""},
		{"echo in a field", "HTTP/1.1 403 No\r\nX-Squid-Error: password " + canary + " is wrong\r\n\r\n", "403 No ([withheld", ""},
		{"echo in a scheme", "HTTP/1.1 407 No\r\nProxy-Authenticate: " + strings.TrimRight(basic, "=") + "\r\n\r\n", "wants [withheld", ""},
		{"echo malformed", "HTTP/1.1 4" + canary + " No\r\n\r\n", "malformed: malformed HTTP status code", ""},
		{"echo, not HTTP", canary, "it says \"[withheld", ""},
		{"control characters", "HTTP/1.1 403 a\x1b[2Jb\xff\r\n\r\n", "403 a?[2Jb?", ""},
		{"long reason", "HTTP/1.1 403 " + strings.Repeat("y", 1000) + "\r\n\r\n", "yyy...", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			over := proxyFunc(func(conn net.Conn, _ int) {
				for range requests(t, conn) {
					break
				}
				if _, err := conn.Write([]byte(c.answer)); err == nil && c.want == "" {
					echo(conn)
				}
			})
			layer := &connect{over: over, hop: testHop("http", "me", canary)}
			conn, err := layer.DialContext(t.Context(), "tcp", "broker.test:443")
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				echoes(t, conn)
				return
			}
			checkContains(t, err, StageProxy, c.want, c.hint)
			noSecrets(t, err)
			if text := err.Error(); len(text) > 400 || strings.ContainsAny(text, "\r\n\x1b") {
				t.Errorf("not fit for a log: %q", text)
			}
		})
	}
}

func TestProxyAnswerIsTyped(t *testing.T) {
	over := proxyFunc(func(conn net.Conn, _ int) {
		for range requests(t, conn) {
			answer407(conn, true, `Basic realm="x"`, "Negotiate")
		}
	})
	layer := &connect{over: over, hop: testHop("http", "", "")}
	_, err := layer.DialContext(t.Context(), "tcp", "broker.test:443")
	a, ok := errors.AsType[*ProxyAnswer](err)
	if !ok || a.Status != 407 || a.Reason != "Proxy Authentication Required" || fmt.Sprint(a.Wants) != "[Basic Negotiate]" {
		t.Errorf("got %+v in %v", a, err)
	}
}

// TestEarlyBytesBelongToTheTunnel: what comes in one piece with the proxy's answer is not lost.
func TestEarlyBytesBelongToTheTunnel(t *testing.T) {
	over := proxyFunc(func(conn net.Conn, _ int) {
		for range requests(t, conn) {
			break
		}
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\n\r\nhello")) // a failure shows at the client
	})
	layer := &connect{over: over, hop: testHop("http", "", "")}
	conn, err := layer.DialContext(t.Context(), "tcp", "broker.test:443")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	Wrap(conn).Fail(errors.New("over")) // reaches the connection below
	if _, err := conn.(*preread).Conn.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write after Fail: %v", err)
	}
}

// TestRoundsAndConnections: an answer's page is read, so that the next round finds the connection clean; where the proxy closes, or
// where its page has no end, the next round has a new connection.
func TestRoundsAndConnections(t *testing.T) {
	const answer = "HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=r, nonce=n, qop=auth\r\n"
	old := strings.Replace(answer, "1.1", "1.0", 1)
	for _, c := range []struct {
		name, answer, page string
		then               string // what the proxy does after it: reads on, closes, or is deaf
		visits             int
	}{
		{"length", answer + "Content-Length: 3000\r\n", strings.Repeat("x", 3000), "reads", 1},
		{"long page", answer + "Content-Length: 50000\r\n", strings.Repeat("x", 50000), "reads", 1},
		{"chunked", answer + "Transfer-Encoding: chunked\r\n", "bb8\r\n" + strings.Repeat("x", 3000) + "\r\n0\r\n\r\n", "reads", 1},
		{"empty", answer + "Content-Length: 0\r\n", "", "reads", 1},
		{"HTTP/1.0 that goes on", old + "Content-Length: 3\r\nProxy-Connection: Keep-Alive\r\n", "abc", "reads", 1},
		{"HTTP/1.0", old + "Content-Length: 3\r\n", "abc", "deaf", 2},
		{"close", answer + "Content-Length: 3\r\nConnection: close\r\n", "abc", "deaf", 2},
		{"close and not", answer + "Content-Length: 3\r\nConnection: close\r\nProxy-Connection: keep-alive\r\n", "abc", "deaf", 2},
		{"HTTP/1.0, close and not", old + "Content-Length: 3\r\nConnection: close\r\nProxy-Connection: keep-alive\r\n", "abc", "deaf", 2},
		{"proxy close", answer + "Content-Length: 3\r\nProxy-Connection: Close\r\n", "abc", "deaf", 2},
		{"no length", answer, "abc", "deaf", 2},
		{"no length, keep-alive", old + "Proxy-Connection: keep-alive\r\n", "abc", "deaf", 2},
		{"closes without a word", answer + "Content-Length: 3\r\n", "abc", "closes", 2},
		{"cut page", answer + "Content-Length: 30\r\n", "abc", "closes", 2},
		{"endless page", answer + "Content-Length: 99999999\r\n", strings.Repeat("x", 100<<10), "deaf", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			passed := ""
			over := proxyFunc(func(conn net.Conn, _ int) {
				for r := range requests(t, conn) {
					passed += strings.Fields(r.Header.Get("Proxy-Authorization") + " -")[0] + " "
					if strings.HasPrefix(r.Header.Get("Proxy-Authorization"), "Digest") {
						tunnelled(conn)
						return
					}
					_, _ = conn.Write([]byte(c.answer + "\r\n" + c.page)) // the client may have heard enough
					switch c.then {
					case "closes":
						return
					case "deaf":
						_, _ = io.Copy(io.Discard, conn) // until the client closes
						return
					}
				}
			}).(*inProcess)
			layer := &connect{over: over, hop: testHop("http", "me", canary)}
			for _, want := range []string{"Basic Digest ", "- Digest "} { // the second time no password goes out in Basic
				conn, err := layer.DialContext(t.Context(), "tcp", "broker.test:443")
				if err != nil {
					t.Fatal(err)
				}
				echoes(t, conn)
				if over.visits != c.visits || passed != want {
					t.Errorf("%d connections with %q, want %d with %q", over.visits, passed, c.visits, want)
				}
				over.visits, passed = 0, ""
			}
		})
	}
}

// TestBasicIsNotSentAgain: a proxy that asked for another scheme gets no password in Basic any more, even if the login failed.
func TestBasicIsNotSentAgain(t *testing.T) {
	var sent []string
	over := proxyFunc(func(conn net.Conn, _ int) {
		for r := range requests(t, conn) {
			scheme, _, _ := strings.Cut(r.Header.Get("Proxy-Authorization"), " ")
			sent = append(sent, scheme)
			answer407(conn, false, "Digest realm=r, nonce=n, qop=auth")
		}
	})
	layer := &connect{over: over, hop: testHop("http", "me", canary)}
	for range 2 {
		_, err := layer.DialContext(t.Context(), "tcp", "broker.test:443")
		checkContains(t, err, StageProxy, "it wants Digest", "does not take this user")
	}
	if got := strings.Join(sent, ","); got != "Basic,Digest,,Digest" {
		t.Errorf("sent %s", got)
	}
}

func TestBound(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	defer near.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	done := bound(ctx, near)
	why := errors.New("why")
	cancel(why)
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if err := done(); err != why {
		t.Errorf("got %v", err)
	}
}

// TestSlowProxies: whatever a proxy does, the dial ends after ten seconds, or with its context, and names the proxy.
func TestSlowProxies(t *testing.T) {
	dribble := func(conn net.Conn, text string, every time.Duration) {
		for _, b := range []byte(text) {
			time.Sleep(every)
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
		}
	}
	swallow := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	const ok, page = "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 407 No\r\nProxy-Authenticate: Digest nonce=n\r\nContent-Length: 9999\r\n\r\n"
	for _, c := range []struct {
		name  string
		serve func(net.Conn)
		takes time.Duration
		fails bool
	}{
		{"hangs", swallow, proxyTimeout, true},
		{"reads nothing", func(net.Conn) { time.Sleep(time.Minute) }, proxyTimeout, true},
		{"a byte at a time", func(conn net.Conn) {
			go swallow(conn)
			dribble(conn, ok, 10*time.Millisecond)
		}, time.Duration(len(ok)) * 10 * time.Millisecond, false},
		{"a byte a second", func(conn net.Conn) {
			go swallow(conn)
			dribble(conn, ok, time.Second)
		}, proxyTimeout, true},
		{"an endless page", func(conn net.Conn) {
			go swallow(conn)
			_, _ = conn.Write([]byte(page)) // the rest shows it
			dribble(conn, strings.Repeat("x", 9999), time.Second)
		}, proxyTimeout, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				layer := &connect{over: proxyFunc(func(conn net.Conn, _ int) { c.serve(conn) }), hop: testHop("http", "me", canary)}
				defer time.Sleep(3 * time.Hour) // until the proxy has ended as well
				begin := time.Now()
				conn, err := layer.DialContext(t.Context(), "tcp", "broker.test:443")
				if took := time.Since(begin); took != c.takes {
					t.Errorf("took %v, want %v", took, c.takes)
				}
				if c.fails {
					checkContains(t, err, StageProxy, "no answer in time", "see its log")
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("got %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				_ = conn.Close() // it is a pipe
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		layer := &connect{over: proxyFunc(func(conn net.Conn, _ int) { swallow(conn) }), hop: testHop("http", "", "")}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		begin := time.Now()
		if _, err := layer.DialContext(ctx, "tcp", "broker.test:443"); !errors.Is(err, context.Canceled) || time.Since(begin) != time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

func TestLoginsThatCannotBeRead(t *testing.T) {
	h := testHop("http", "me", "")
	h.password = func() (string, error) { return "", errors.New("open /etc/pinhole/proxy.password: permission denied") }
	over := proxyFunc(func(net.Conn, int) { t.Error("the proxy was dialed") })
	for name, layer := range map[string]Dialer{"http": &connect{over: over, hop: h}, "socks": &socks{over: over, hop: h}} {
		_, err := layer.DialContext(t.Context(), "tcp", "broker.test:443")
		checkContains(t, err, StageProxy, "log in at proxy http://10.0.0.1:3128: open /etc/pinhole", "proxy_password_file")
		_ = name
	}
	layer := &connect{over: over, hop: testHop("http", "me\r\nX: y", canary)}
	_, err := layer.DialContext(t.Context(), "tcp", "broker.test:443")
	checkContains(t, err, StageProxy, "control character", "check the user")
	noSecrets(t, err)
}
