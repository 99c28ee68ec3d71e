package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pinhole/publisher/publishertest"
)

// systemd is a notification socket as systemd has one.
type systemd struct {
	path string
	mu   sync.Mutex
	got  []string
}

func newSystemd(t *testing.T) *systemd {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // the path of a socket may have 107 bytes only
	if err != nil {
		t.Fatal(err)
	}
	s := &systemd{path: filepath.Join(dir, "s")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.got = append(s.got, string(buf[:n]))
			s.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
		_ = os.RemoveAll(dir)
	})
	return s
}

// count says how many of the messages begin with text.
func (s *systemd) count(text string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.got {
		if strings.HasPrefix(m, text) {
			n++
		}
	}
	return n
}

// TestE2ENotify: systemd is told of the start, of life, of a reload and of the stop.
func TestE2ENotify(t *testing.T) {
	t.Parallel()
	d, s := newDesk(t), newSystemd(t)
	config := d.configure(settings{sensors: counters(4, 50*time.Millisecond)})
	d.run(config, "NOTIFY_SOCKET="+s.path, "WATCHDOG_USEC=400000")
	d.await(20*time.Second, "READY=1", func() bool { return s.count("READY=1") == 1 })
	d.await(20*time.Second, "three signs of life", func() bool { return s.count("WATCHDOG=1") >= 3 })
	d.live.signal(syscall.SIGHUP)
	d.await(20*time.Second, "READY=1 after the reload", func() bool { return s.count("READY=1") == 2 })
	if s.count("RELOADING=1") != 1 {
		t.Errorf("no RELOADING=1: %q", s.got)
	}
	if s.count("STOPPING=1") != 0 {
		t.Error("STOPPING=1 too early")
	}
	d.finish()
	if s.count("STOPPING=1") != 1 {
		t.Errorf("no STOPPING=1: %q", s.got)
	}
}

// TestE2EInterrupt: with no broker a stop takes the five seconds that delivery may take, exits with 0 and loses nothing; a second
// signal ends it at once.
func TestE2EInterrupt(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprintf("twice=%v", again), func(t *testing.T) {
			t.Parallel()
			d, s := newDesk(t), newSystemd(t)
			d.gate.set(true)
			config := d.configure(settings{sensors: counters(4, 50*time.Millisecond), queue: "max: 16MiB, sync: 1h"})
			d.run(config, "NOTIFY_SOCKET="+s.path)
			d.await(20*time.Second, "READY=1", func() bool { return s.count("READY=1") == 1 })
			<-time.After(time.Second) // of readings
			d.live.signal(syscall.SIGINT)
			began := time.Now()
			await(t, 5*time.Second, "STOPPING=1", func() bool { return s.count("STOPPING=1") == 1 })
			if again {
				// It takes the second signal once the first is dealt with, which is a moment later.
				await(t, 3*time.Second, "the end after a second signal", func() bool {
					_ = d.live.cmd.Process.Signal(syscall.SIGINT)
					select {
					case <-d.live.ended:
						return true
					default:
						return false
					}
				})
				if status := d.live.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
					t.Errorf("it ended by %v, want by the signal", d.live.cmd.ProcessState)
				}
				return
			}
			if code, took := d.live.wait(20*time.Second), time.Since(began); code != 0 || took < 4*time.Second || took > 9*time.Second {
				t.Errorf("exit code %d after %v, want 0 after 5s", code, took)
			}
			kept := d.dump(config)
			if len(kept) < 20 {
				t.Errorf("%d readings in the queue after a second of sensing", len(kept))
			}
			d.gate.set(false)
			d.run(config)
			d.await(20*time.Second, "the end of the first stream", func() bool { return d.acct.Totals().Ended == 1 })
			d.finish()
			d.arrivedAll(kept)
			d.books.check(t)
		})
	}
}

// TestE2EReload: a valid change is taken over in the same stream and leaves other sensors alone; an invalid one is refused.
func TestE2EReload(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := settings{sensors: "{name: a, kind: mock, every: 50ms, quantity: count, signal: {shape: counter}}"}
	config := d.configure(s)
	d.run(config)
	d.arrived(20*time.Second, 20)

	s.sensors += "\n{name: b, kind: mock, every: 50ms, quantity: count, signal: {shape: counter}}"
	d.configure(s)
	d.live.signal(syscall.SIGHUP)
	d.await(20*time.Second, "the new sensor", func() bool { return d.values("b") > 20 })

	good, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(strings.Replace(string(good), "kind: mock", "kind: mokc", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	d.live.signal(syscall.SIGHUP)
	d.await(20*time.Second, "the refusal in the log", func() bool {
		log := d.live.log.String()
		return strings.Contains(log, "configuration refused") && strings.Contains(log, "mokc")
	})
	d.arrived(20*time.Second, 20)

	s.more = "format: columns" // another link, the same stream
	d.configure(s)
	d.live.signal(syscall.SIGHUP)
	d.await(20*time.Second, "another link", func() bool { return d.lab.Stats().Connects == 2 })
	d.arrived(20*time.Second, 20)

	s.sensors = strings.Split(s.sensors, "\n")[1] // a goes
	d.configure(s)
	d.live.signal(syscall.SIGHUP)
	d.await(20*time.Second, "the third reload", func() bool { return strings.Count(d.live.log.String(), "configuration read again") == 3 })
	gone := d.values("a")
	d.arrived(20*time.Second, 40)
	if more := d.values("a") - gone; more > 10 { // some may have been under way
		t.Errorf("the sensor that was removed went on: %d readings more", more)
	}
	r := d.finish()
	if len(r.Streams) != 1 || d.lab.Stats().Connects != 2 {
		t.Errorf("%d streams over %d links, want one over two", len(r.Streams), d.lab.Stats().Connects)
	}
	d.books.check(t)
}

// values says how many values of a counter have arrived.
func (d *desk) values(sensor string) (n int) {
	d.books.mu.Lock()
	defer d.books.mu.Unlock()
	for _, stream := range d.books.values {
		n = max(n, len(stream[sensor]))
	}
	return n
}

// TestE2EPresence: mosquitto tells a subscriber that the device came, that it left, and that it vanished.
func TestE2EPresence(t *testing.T) {
	t.Parallel()
	broker := publishertest.StartMosquitto(t)
	d := newDesk(t)
	cert, key := broker.Client(t, "desk")
	config := d.configure(settings{
		sensors: counters(2, 50*time.Millisecond), broker: "mqtts://" + broker.TLS, more: "presence: true",
		tls: fmt.Sprintf("ca: %s/ca.pem, cert: %s, key: %s", broker.Folder, cert, key),
	})
	next := broker.Subscribe(t, "pinhole/desk/status")
	expect := func(online bool) {
		t.Helper()
		if m, want := next(), fmt.Sprintf(`{"device":"desk","online":%v}`, online); string(m.Payload) != want {
			t.Errorf("%s on the status topic, want %s", m.Payload, want)
		}
	}
	d.run(config)
	expect(true)
	late := broker.Subscribe(t, "pinhole/desk/status")
	if m := late(); !m.Retain || !strings.Contains(string(m.Payload), `"online":true`) {
		t.Errorf("a later subscriber gets %+v, want the birth, retained", m)
	}
	d.live.stop()
	expect(false)
	d.run(config)
	expect(true)
	d.live.kill()
	expect(false)
}
