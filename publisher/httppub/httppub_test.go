package httppub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/publisher/route"
)

// TestOneAfterTheOther: messages arrive in order, as AWS documents the request, on one connection.
func TestOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrived := make(chan string, 100)
		p := startPeer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != "POST" || r.RequestURI != "/topics/t?qos=1" || r.Host != "data.example" || r.ContentLength < 0 ||
				r.Header.Get("Content-Type") != "application/json" || r.Header["Idempotency-Key"] != nil {
				t.Errorf("%s %s at %s: %v", r.Method, r.RequestURI, r.Host, r.Header)
			}
			arrived <- body(r)
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
			fmt.Fprint(w, `{"message":"OK","traceId":"x"}`)
		})
		l, got := p.connect(t, Options{}), make(outcomes, 100)
		for i := range 100 {
			got.publish(t, l, strconv.Itoa(i))
		}
		for i := range 100 {
			if o := <-got; o.err != nil || o.name != strconv.Itoa(i) || <-arrived != o.name {
				t.Fatalf("answer %d is of %s, %v", i, o.name, o.err)
			}
		}
		if n := len(p.dials()); n != 1 {
			t.Errorf("%d connections", n)
		}
		if l.Err() != nil {
			t.Error(l.Err())
		}
		end(t, l)
	})
}

// TestParallel: no more posts at once than allowed, and their connections a second apart.
func TestParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		p := startPeer(t, func(w http.ResponseWriter, r *http.Request) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(7 * time.Second)
			now.Add(-1)
		})
		l, got := p.connect(t, Options{Parallel: 4}), make(outcomes, 20)
		for i := range 20 {
			got.publish(t, l, strconv.Itoa(i))
		}
		for range 20 {
			if o := <-got; o.err != nil {
				t.Fatal(o.err)
			}
		}
		times := p.dials()
		if most.Load() != 4 || len(times) != 4 {
			t.Errorf("%d at once, %d connections", most.Load(), len(times))
		}
		for i := 1; i < len(times); i++ {
			if d := times[i].Sub(times[i-1]); d < apart {
				t.Errorf("connection %d came %v after the one before", i, d)
			}
		}
		end(t, l)
	})
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		code       int
		body, date string
		signed     bool
		stage      route.Stage
		message    bool
		want, hint string
	}{
		{201, "", "", false, route.StageAck, false, `"201 Created"`, "check publisher.broker"},
		{302, "", "", false, route.StageAck, false, `"302 Found"`, "check publisher.broker"},
		{400, `{"message":"bad\u0007 topic"}`, "", false, route.StageAck, true, `"400 Bad Request" (bad  topic)`, "size or content"},
		{401, "", "", false, route.StageAck, false, `"401 Unauthorized"`, "iot:Publish"},
		{403, `{"message":"Forbidden","traceId":"1"}`, "", false, route.StageAck, false, `"403 Forbidden" (Forbidden)`, "iot:Publish"},
		{403, "", "Tue, 24 Nov 2026 12:00:00 GMT", true, route.StageClock, false, "differs from this machine's by 1h0m0s", "right clock"},
		{403, "", "Tue, 24 Nov 2026 11:04:00 GMT", true, route.StageAck, false, "403", "iot:Publish"},
		{403, "", "Tue, 24 Nov 2026 12:00:00 GMT", false, route.StageAck, false, "403", "iot:Publish"},
		{404, "<html>", "", false, route.StageAck, false, `"404 Not Found"`, "nothing takes messages"},
		{413, "", "", false, route.StageAck, true, "413", "size or content"},
		{429, "", "", false, route.StageAck, false, "429", "throttles"},
		{500, `{"message":5}`, "", false, route.StageAck, false, `"500 Internal Server Error"`, "throttles"},
		{503, "", "", false, route.StageAck, false, "503", "throttles"},
	} {
		t.Run(fmt.Sprint(c.code, c.stage), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var posts atomic.Int32
				p := startPeer(t, func(w http.ResponseWriter, r *http.Request) {
					if posts.Add(1) == 1 {
						time.Sleep(time.Second) // until all three are there
						return
					}
					if c.date != "" {
						w.Header().Set("Date", c.date)
					}
					w.WriteHeader(c.code)
					_, _ = io.WriteString(w, c.body) // it may not be allowed
				})
				o := Options{Now: func() time.Time { return time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC) }}
				if c.signed {
					o.Sign = func(context.Context, *http.Request, []byte) error { return nil }
				}
				l, got := p.connect(t, o), make(outcomes, 4)
				for _, name := range []string{"good", "bad", "late"} {
					got.publish(t, l, name)
				}
				<-l.Done()
				if o := <-got; o.name != "good" || o.err != nil {
					t.Errorf("first %v", o)
				}
				for _, name := range []string{"bad", "late"} {
					if o := <-got; o.name != name || o.err != l.Err() {
						t.Errorf("got %v, want %s with the link's error", o, name)
					}
				}
				err := l.Err()
				e, ok := err.(*route.Error)
				if !ok || e.Stage != c.stage || !strings.Contains(e.Error(), c.want) || !strings.Contains(e.Hint, c.hint) {
					t.Errorf("got %v, %+v", err, e)
				}
				if r, ok := errors.AsType[*Refused](err); !ok || r.RefusedMessage() != c.message || r.Code != c.code {
					t.Errorf("got %+v", r)
				}
				if n := posts.Load(); n != 2 {
					t.Errorf("%d posts", n)
				}
				end(t, l)
			})
		})
	}
}

// TestOthersFinishAfterARefusal: what is under way beside a refused message is not given up, what waits is.
func TestOthersFinishAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPeer(t, func(w http.ResponseWriter, r *http.Request) {
			if body(r) == "slow" {
				time.Sleep(9 * time.Second)
				return
			}
			w.WriteHeader(413)
		})
		l, got := p.connect(t, Options{Parallel: 2}), make(outcomes, 4)
		start := time.Now()
		for _, name := range []string{"slow", "large", "waiting"} {
			got.publish(t, l, name)
		}
		<-l.Done()
		if took := time.Since(start); took != 9*time.Second {
			t.Errorf("over after %v", took)
		}
		for range 3 {
			if o := <-got; (o.err == nil) != (o.name == "slow") {
				t.Errorf("got %v", o)
			}
		}
		end(t, l)
	})
}

// TestTimeLimits: an answer that does not come, its body that does not end, a server that does not read.
func TestTimeLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPeer(t, func(w http.ResponseWriter, r *http.Request) {
			_ = body(r)
			if p := r.Header.Get("X-Endless"); p != "" {
				w.WriteHeader(500)
				_ = http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
		})
		l, got := p.connect(t, Options{}), make(outcomes, 4)
		start := time.Now()
		got.publish(t, l, "a")
		<-l.Done()
		if took := time.Since(start); took != AckTimeout || route.StageOf(l.Err()) != route.StageAck || !strings.Contains(l.Err().Error(), "in time (20s)") {
			t.Errorf("over after %v: %v", took, l.Err())
		}
		end(t, l)

		l = p.connect(t, Options{Sign: func(_ context.Context, r *http.Request, _ []byte) error { r.Header.Set("X-Endless", "1"); return nil }})
		start = time.Now()
		got.publish(t, l, "b")
		<-l.Done()
		if took := time.Since(start); took != AckTimeout || !strings.Contains(l.Err().Error(), "500") {
			t.Errorf("over after %v: %v", took, l.Err())
		}
		end(t, l)

		p.deaf = true
		l = p.connect(t, Options{})
		start = time.Now()
		got.publish(t, l, "c")
		<-l.Done()
		if took := time.Since(start); took != route.WriteTimeout || route.StageOf(l.Err()) != route.StageTCP {
			t.Errorf("over after %v: %v", took, l.Err())
		}
		end(t, l)
	})
}

// TestHugeAnswers cost what is allowed and no more.
func TestHugeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written atomic.Int64
		p := startPeer(t, func(w http.ResponseWriter, r *http.Request) {
			switch body(r) {
			case "body":
				for chunk := make([]byte, 4096); written.Load() < 16<<20; written.Add(int64(len(chunk))) {
					if _, err := w.Write(chunk); err != nil {
						return
					}
				}
			case "head":
				w.Header().Set("X", strings.Repeat("x", 2*MaxAnswer))
			}
		})
		l, got := p.connect(t, Options{}), make(outcomes, 4)
		for _, name := range []string{"body", "after"} {
			got.publish(t, l, name)
			if o := <-got; o.err != nil {
				t.Errorf("got %v", o)
			}
		}
		if n := written.Load(); n > 4*MaxAnswer {
			t.Errorf("%d bytes were read", n)
		}
		got.publish(t, l, "head")
		if o := <-got; o.err == nil {
			t.Errorf("got %v", o)
		}
		end(t, l)
	})
}

// TestConnectionsComeAndGo while the link goes on: one that idled too long, one that the server closed, one never used.
func TestConnectionsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hangUp atomic.Bool
		p := startPeer(t, func(http.ResponseWriter, *http.Request) {
			if hangUp.Swap(false) {
				panic(http.ErrAbortHandler) // closes the connection
			}
		})
		l, got := p.connect(t, Options{}), make(outcomes, 4)
		want := func(step string, dials int) {
			t.Helper()
			got.publish(t, l, step)
			if o := <-got; o.err != nil {
				t.Fatalf("%s: %v", step, o.err)
			}
			if n := len(p.dials()); n != dials {
				t.Errorf("%s: %d connections so far, want %d", step, n, dials)
			}
		}
		time.Sleep(time.Minute)
		want("the first is stale", 2)
		want("kept alive", 2)
		time.Sleep(idle - time.Second)
		want("still kept", 2)
		time.Sleep(idle + time.Second)
		want("idled too long", 3)
		p.cut()
		synctest.Wait()
		want("closed by the server", 4)
		hangUp.Store(true)
		want("closed while the post was on its way", 5)
		end(t, l)
	})
}

// TestDialFailsLater: the link ends with the route's own error.
func TestDialFailsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPeer(t, func(http.ResponseWriter, *http.Request) {})
		l, got := p.connect(t, Options{}), make(outcomes, 4)
		time.Sleep(time.Minute)
		p.refuse = &route.Error{Stage: route.StageDNS, Op: "resolve x", Err: errors.New("gone")}
		got.publish(t, l, "a")
		<-l.Done()
		if l.Err() != p.refuse {
			t.Errorf("got %v", l.Err())
		}
		end(t, l)
		if _, err := Connect(t.Context(), Options{Dial: p.dial}); err != p.refuse {
			t.Errorf("connect: %v", err)
		}
	})
}

// TestClose: what is under way and what waits has its done with ErrClosed, at once.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPeer(t, func(_ http.ResponseWriter, r *http.Request) { _ = body(r); <-r.Context().Done() })
		l, got := p.connect(t, Options{}), make(outcomes, 4)
		got.publish(t, l, "a")
		got.publish(t, l, "b")
		synctest.Wait()
		start := time.Now()
		end(t, l)
		if took := time.Since(start); took != 0 || l.Err() != ErrClosed {
			t.Errorf("after %v: %v", took, l.Err())
		}
		for _, name := range []string{"a", "b"} {
			if o := <-got; o.name != name || o.err != ErrClosed {
				t.Errorf("got %v", o)
			}
		}
		end(t, l) // again
		unused := p.connect(t, Options{})
		end(t, unused)
	})
}

// TestSign: each request is completed with its payload at hand; a failure ends the link and keeps its stage.
func TestSign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPeer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "for "+body(r) {
				w.WriteHeader(403)
			}
		})
		var fail error
		o := Options{Sign: func(_ context.Context, r *http.Request, payload []byte) error {
			r.Header.Set("Authorization", "for "+string(payload))
			return fail
		}}
		for stage, err := range map[route.Stage]error{route.StageAck: errors.New("no credentials"),
			route.StageDNS: fmt.Errorf("ask: %w", &route.Error{Stage: route.StageDNS, Op: "resolve x", Err: errors.New("no")})} {
			l, got := p.connect(t, o), make(outcomes, 4)
			for _, name := range []string{"a", "b"} {
				got.publish(t, l, name)
				if o := <-got; o.err != nil {
					t.Error(o.err)
				}
			}
			fail = err
			got.publish(t, l, "c")
			if o := <-got; !errors.Is(o.err, err) || route.StageOf(o.err) != stage {
				t.Errorf("got %v", o.err)
			}
			fail = nil
			end(t, l)
		}
	})
}

// TestCuts delivers numbered messages although connections are cut again and again, before and after the server took one.
func TestCuts(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		t.Run(fmt.Sprint(parallel), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const total = 400
				var mu sync.Mutex
				taken := make([]int, total)
				random := rand.New(rand.NewPCG(1, 2))
				var p *peer
				p = startPeer(t, func(w http.ResponseWriter, r *http.Request) {
					i, err := strconv.Atoi(body(r))
					mu.Lock()
					fate := random.IntN(20)
					mu.Unlock()
					if err != nil || fate == 0 {
						panic(http.ErrAbortHandler) // closes the connection
					}
					time.Sleep(time.Duration(fate) * time.Millisecond)
					mu.Lock()
					taken[i]++
					mu.Unlock()
					switch fate {
					case 1:
						panic(http.ErrAbortHandler)
					case 2:
						p.cut()
					case 3:
						w.WriteHeader(503)
					}
				})
				acked, links, first := make([]bool, total), 0, 0
				for ; first < total && links < total; links++ {
					l := p.connect(t, Options{Parallel: parallel})
					for i := first; i < total; i++ {
						if l.Publish("t", 1, []byte(strconv.Itoa(i)), func(err error) {
							mu.Lock()
							defer mu.Unlock()
							if acked[i] = err == nil; acked[i] && taken[i] == 0 {
								t.Errorf("message %d is acknowledged and was not taken", i)
							}
						}) != nil {
							break
						}
					}
					for i := first; i < total; i++ { // until it is over, or everything has been acknowledged
						mu.Lock()
						done := acked[i]
						mu.Unlock()
						select {
						case <-l.Done():
						default:
							if !done {
								time.Sleep(10 * time.Millisecond)
								i--
							}
						}
					}
					end(t, l)
					for first < total && acked[first] {
						first++
					}
				}
				if first < total || links < 10 {
					t.Errorf("%d of %d delivered by %d links", first, total, links)
				}
			})
		})
	}
}
