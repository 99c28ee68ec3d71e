package route

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// logged is a log that a test can read.
func logged(t *testing.T) (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	t.Cleanup(func() {
		if strings.Contains(b.String(), "c4n") {
			t.Errorf("the log repeats the password:\n%s", b.String())
		}
	})
	return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})), &b
}

// TestRoutesInOrder follows a list through a network that changes: the first that works is taken and kept until it fails, each has
// its share of the time, and the error tells of all.
func TestRoutesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type state int
		const (
			works state = iota
			refuses
			hangs
			failsLater // beyond the proxy
		)
		now := map[string]state{}
		var tried []string
		way := func(name string) *Route {
			return &Route{Name: name, Dialer: dialFunc(func(ctx context.Context) (net.Conn, error) {
				tried = append(tried, name)
				switch now[name] {
				case refuses:
					return nil, &Error{Stage: StageProxy, Op: "op", Err: errors.New("no"), Hint: "hint of " + name}
				case failsLater:
					return nil, &Error{Stage: StageTLS, Op: "op", Err: errors.New("no")}
				case hangs:
					<-ctx.Done()
					return nil, &Error{Stage: StageTCP, Op: "op", Err: ctx.Err(), Hint: "hint of " + name}
				}
				near, far := net.Pipe()
				_ = far.Close()
				return near, nil
			})}
		}
		log, out := logged(t)
		r := InOrder(log, way("a"), way("b"), way("c"))
		if r.Name != "a, then b, then c" {
			t.Errorf("name %q", r.Name)
		}
		for _, step := range []struct {
			now   map[string]state
			tries string
			way   string
			takes time.Duration
		}{
			{map[string]state{}, "a", "a", 0},
			{map[string]state{"a": refuses}, "a b", "b", 0},
			{map[string]state{}, "b", "b", 0}, // what works is kept
			{map[string]state{"a": refuses, "b": refuses}, "b a c", "c", 0},
			{map[string]state{"c": hangs}, "c a", "a", 5 * time.Second},
			{map[string]state{"a": hangs, "b": hangs}, "a b c", "c", 10 * time.Second},
			{map[string]state{"a": hangs, "b": refuses, "c": refuses}, "c a b", "", 7500 * time.Millisecond},
			{map[string]state{"a": hangs, "b": hangs, "c": hangs}, "c a b", "", 15 * time.Second},
			{map[string]state{"c": failsLater, "a": failsLater, "b": failsLater}, "c a b", "", 2 * apart},
		} {
			now, tried = step.now, nil
			begin := time.Now()
			conn, err := r.Dial(t.Context())
			if got := strings.Join(tried, " "); got != step.tries || time.Since(begin) != step.takes {
				t.Errorf("%v: tried %s in %v, want %s in %v", step.now, got, time.Since(begin), step.tries, step.takes)
			}
			switch {
			case step.way == "" && err == nil, step.way != "" && err != nil:
				t.Fatalf("%v: %v", step.now, err)
			case step.way != "" && conn.Way() != step.way:
				t.Errorf("%v: way %s, want %s", step.now, conn.Way(), step.way)
			case err != nil && now["c"] == refuses:
				checkContains(t, err, StageProxy, "every way failed: c: op: no; a: op: context deadline exceeded; b: op: no", "hint of c")
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a cause is lost: %v", err)
				}
			}
			if conn != nil {
				if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("read: %v", err)
				}
			}
		}
		if n := strings.Count(out.String(), "another way works"); n != 4 {
			t.Errorf("%d changes are logged, want 4:\n%s", n, out)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		now, tried = map[string]state{"c": hangs}, nil
		if _, err := r.Dial(ctx); !errors.Is(err, context.Canceled) || len(tried) != 1 {
			t.Errorf("cancelled: %v after %v", err, tried)
		}
	})
}

// TestWebSocketOverRoutesInOrder: an upgrade that one way refuses is asked for on the next.
func TestWebSocketOverRoutesInOrder(t *testing.T) {
	way := func(name, answer string) *Route {
		return &Route{Name: name, Broker: Broker{Scheme: WS, Host: "broker.test", Port: 80}, Dialer: proxyFunc(func(conn net.Conn, _ int) {
			for range anyRequests(conn) {
				_, _ = conn.Write([]byte("HTTP/1.1 " + answer + "\r\nContent-Length: 0\r\n\r\n")) // the client shows it
			}
		})}
	}
	r := OverWebSocket(InOrder(nil, way("a", "403 Forbidden"), way("b", "404 Not Found")), WSOptions{})
	_, err := r.Dial(t.Context())
	checkContains(t, err, StageWS, "every way failed: a: ", "")
	for _, want := range []string{"403", "; b: ", "404"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

type dialFunc func(ctx context.Context) (net.Conn, error)

func (f dialFunc) DialContext(ctx context.Context, _, _ string) (net.Conn, error) { return f(ctx) }
