package local

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"pinhole/publisher"
	"pinhole/publisher/queue"
	"pinhole/sensors"
	"pinhole/sensors/clock"
)

// still is an agent that stands still.
type still struct {
	snap Snapshot
	subs chan func([]sensors.Reading)
}

func (s *still) Snapshot() Snapshot { return s.snap }
func (s *still) Subscribe(f func([]sensors.Reading)) func() {
	s.subs <- f
	return func() { s.subs <- nil }
}

func well() *still {
	return &still{subs: make(chan func([]sensors.Reading), 2), snap: Snapshot{
		Device: "dev", Version: `1"\`, Taken: 7, Link: publisher.Stats{Connected: true, Readings: 5},
		Sensors: []sensors.Health{{Name: "air", Good: time.UnixMilli(1764000000000), Readings: 7}},
	}}
}

func get(t *testing.T, s *Server, path string, change func(r *http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "127.0.0.1:4430"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestHealth(t *testing.T) {
	src := well()
	s := &Server{Source: src, Listen: "127.0.0.1:4430", Log: slog.New(slog.DiscardHandler)}
	if w := get(t, s, "/healthz", nil); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("well: %d %q", w.Code, w.Body)
	}
	src.snap.Link = publisher.Stats{Error: "connection refused", Stage: "tcp"}
	src.snap.Queue = queue.Stats{Disk: queue.DiskFailed, Why: "input/output error"}
	src.snap.Sensors[0].Class = sensors.NAK
	w := get(t, s, "/healthz", nil)
	for _, want := range []string{"not connected: connection refused", "queue's disk failed: input/output error", "sensor air: nak"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q lacks %q", w.Body, want)
		}
	}
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("code %d", w.Code)
	}
	var st Status
	if text := get(t, s, "/metrics", nil).Body.String(); !strings.Contains(text, `pinhole_connect_failure_stage{stage="tcp"} 1`+"\n") ||
		!strings.Contains(text, `pinhole_connect_failure_stage{stage="dns"} 0`+"\n") {
		t.Errorf("metrics do not tell the stage:\n%s", text)
	}
	if err := json.Unmarshal(get(t, s, "/api/status", nil).Body.Bytes(), &st); err != nil || st.OK || len(st.Problems) != 3 || st.Link.Stage != "tcp" {
		t.Errorf("status %+v, %v", st, err)
	}
}

func TestMetrics(t *testing.T) {
	s := &Server{Source: well(), Listen: "127.0.0.1:4430", Log: slog.New(slog.DiscardHandler)}
	text := get(t, s, "/metrics", nil).Body.String()
	sample := regexp.MustCompile(`^pinhole_[a-z_]+(\{[a-z]+="([^"\\\n]|\\["\\n])*"(,[a-z]+="([^"\\\n]|\\["\\n])*")*\})? -?[0-9.e+-]+$`)
	typed := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if f := strings.Fields(line); strings.HasPrefix(line, "# TYPE ") {
			if typed[f[2]] {
				t.Errorf("%s is declared twice", f[2])
			}
			typed[f[2]] = true
			if strings.HasSuffix(f[2], "_total") != (f[3] == "counter") {
				t.Errorf("%s is a %s", f[2], f[3])
			}
		} else if !strings.HasPrefix(line, "#") && !sample.MatchString(line) {
			t.Errorf("not a sample: %q", line)
		}
	}
	for _, want := range []string{"pinhole_connected 1\n", "pinhole_readings_taken_total 7\n", `pinhole_sensor_ok{sensor="air"} 1` + "\n",
		`pinhole_readings_lost_total{reason="queue_full"} 0` + "\n", `version="1\"\\"`} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q", want)
		}
	}
}

// TestStrangersAreRefused: DNS rebinding, look-alikes, other methods, and what comes without the token.
func TestStrangersAreRefused(t *testing.T) {
	s := &Server{Source: well(), Listen: "127.0.0.1:4430", Log: slog.New(slog.DiscardHandler)}
	for host, want := range map[string]int{
		"127.0.0.1:4430": 200, "localhost:4430": 200, "[::1]:4430": 200, "127.0.0.1": 403, "localhost:80": 403, "": 403, "evil.example:4430": 403,
		"127.0.0.1.evil.example:4430": 403, "localhost.evil.example:4430": 403, "evil.example": 403, "127.0.0.1:4430:4430": 403, "127.1:4430": 403,
		"0.0.0.0:4430": 403, "[::1%25lo]:4430": 403,
	} {
		if w := get(t, s, "/api/status", func(r *http.Request) { r.Host = host }); w.Code != want {
			t.Errorf("Host %q: %d, want %d", host, w.Code, want)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "CONNECT"} {
		if w := get(t, s, "/api/status", func(r *http.Request) { r.Method = method }); w.Code != 405 {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	s.Listen, s.Token = "0.0.0.0:4430", "secret"
	for _, x := range []struct {
		header, path string
		want         int
	}{{"", "/", 401}, {"Bearer wrong", "/", 401}, {"Bearer ", "/", 401}, {"Bearer secret", "/", 200}, {"", "/?token=secret", 200}, {"", "/?token=", 401}} {
		w := get(t, s, x.path, func(r *http.Request) {
			r.Host = "192.0.2.1:4430"
			if x.header != "" {
				r.Header.Set("Authorization", x.header)
			}
		})
		if w.Code != x.want {
			t.Errorf("%+v: %d", x, w.Code)
		}
	}
	s.Token = ""
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("beyond loopback without a token: %v", err)
	}
}

func TestReadingsStream(t *testing.T) {
	src := well()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	s := &Server{Source: src, Listen: addr, Log: slog.New(slog.DiscardHandler)}
	go func() { done <- s.Run(ctx) }()
	var res *http.Response
	for range 200 {
		if res, err = http.Get("http://" + addr + "/api/readings"); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	send := <-src.subs
	send([]sensors.Reading{{Sensor: "air", Quantity: sensors.Temperature, Value: 21.5, Stamp: clock.Stamp{Wall: 1764000000123e6, Synced: true}}})
	lines := bufio.NewScanner(res.Body)
	found := false
	for !found && lines.Scan() {
		found = lines.Text() == `data: {"sensor":"air","quantity":"temperature","unit":"Cel","time":1764000000123,"value":21.5}`
	}
	if !found {
		t.Error("the reading did not come")
	}
	for range 200 { // more than a client that does not read can have
		send(make([]sensors.Reading, 10))
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
}
