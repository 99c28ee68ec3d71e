package publisher

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/publisher/payload"
	"pinhole/publisher/queue"
	"pinhole/publisher/route"
	"pinhole/sensors"
	"pinhole/sensors/clock"
)

var errNoRoute = errors.New("no route to host")

// broker is a link and what stands behind it. Behave decides on each publish what happens.
type broker struct {
	t *testing.T

	mu       sync.Mutex
	down     bool
	fails    func(n int) error // of the nth dial; nil, and a nil error: as down says
	dials    []time.Time
	messages []payload.Batch
	sizes    []int
	at       []time.Time
	inFlight int
	most     int
	// behave returns verdicts for a message; nil: acknowledged after 20 ms.
	behave func(n int, b payload.Batch) verdict
	link   *fakeLink
}

type verdict struct {
	ack   bool
	after time.Duration
	hang  bool  // the broker hangs up, after the ack if there is one
	why   error // nil: without a word
}

// refusal is how a broker that gives answers refuses.
type refusal struct{ message bool }

func (r refusal) Error() string        { return "refused" }
func (r refusal) RefusedMessage() bool { return r.message }

func (b *broker) dial(context.Context) (Link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dials = append(b.dials, time.Now())
	if b.fails != nil {
		if err := b.fails(len(b.dials)); err != nil {
			return nil, err
		}
	}
	if b.down {
		return nil, errNoRoute
	}
	b.link = &fakeLink{b: b, done: make(chan struct{})}
	b.inFlight = 0
	return b.link, nil
}

type fakeLink struct {
	b       *broker
	once    sync.Once
	done    chan struct{}
	err     error
	mu      sync.Mutex
	pending []func(error)
}

func (l *fakeLink) Done() <-chan struct{} { return l.done }
func (l *fakeLink) Err() error            { return l.err }

func (l *fakeLink) end(err error) {
	l.once.Do(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.err = err
		close(l.done)
		for _, f := range l.pending {
			if f != nil {
				f(fmt.Errorf("not acknowledged: %w", err))
			}
		}
	})
}

func (l *fakeLink) Close(context.Context) error {
	l.end(errors.New("closed"))
	return nil
}

func (l *fakeLink) Publish(topic string, _ byte, data []byte, done func(error)) error {
	batch, err := payload.Decode(data)
	if err != nil {
		l.b.t.Errorf("message does not decode: %v\n%s", err, data)
	}
	if !json.Valid(data) {
		l.b.t.Errorf("not JSON: %s", data)
	}
	b := l.b
	b.mu.Lock()
	v := verdict{ack: true, after: 20 * time.Millisecond}
	if b.behave != nil {
		v = b.behave(len(b.messages), batch)
	}
	b.messages, b.sizes, b.at = append(b.messages, batch), append(b.sizes, len(data)+len(topic)), append(b.at, time.Now())
	b.inFlight++
	b.most = max(b.most, b.inFlight)
	b.mu.Unlock()

	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return l.err
	}
	i := len(l.pending)
	l.pending = append(l.pending, done)
	l.mu.Unlock()
	if v.ack || v.hang {
		time.AfterFunc(v.after, func() {
			l.mu.Lock()
			if v.ack && l.err == nil {
				l.pending[i] = nil
				b.mu.Lock()
				b.inFlight--
				b.mu.Unlock()
				done(nil)
			}
			l.mu.Unlock()
			if v.hang {
				l.end(cmp.Or(v.why, io.EOF))
			}
		})
	}
	return nil
}

// numbers returns how often each number of the stream arrived.
func (b *broker) numbers() map[uint64]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := map[uint64]int{}
	for _, m := range b.messages {
		for i := range m.Readings {
			got[m.Seq+uint64(i)]++
		}
	}
	return got
}

// desk is a publisher, its queue and a broker, in virtual time.
type desk struct {
	*broker
	q    *queue.Queue
	p    *Publisher
	stop context.CancelFunc
	wg   sync.WaitGroup
	next float64
}

func options(t *testing.T) Options {
	return Options{
		Device: "dev", Stream: queue.Stream{15: 1}, Topic: "pinhole/dev/readings", QoS: 1, Format: "json",
		Batch: Batch{Readings: 500, Bytes: 5000, Age: 10 * time.Second}, Max: 120000, Sync: 30 * time.Second, Window: 16,
		Reconnect: Reconnect{Min: time.Second, Max: 2 * time.Minute},
		Clock:     clock.Desk(clock.BootID{1}), History: &clock.History{}, Log: slog.New(slog.DiscardHandler),
	}
}

func start(t *testing.T, b *broker, o Options) *desk {
	t.Helper()
	q, err := queue.Open(queue.Options{Dir: t.TempDir(), Max: 64 << 20, Sync: o.Sync, Stream: o.Stream})
	if err != nil {
		t.Fatal(err)
	}
	b.t, o.Queue, o.Dial = t, q, b.dial
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{broker: b, q: q, p: p}
	var ctx context.Context
	ctx, d.stop = context.WithCancel(t.Context())
	d.wg.Go(func() { q.Run(ctx) })
	d.wg.Go(func() { p.Run(ctx) })
	return d
}

// add adds n readings of one series, valued by their number.
func (d *desk) add(n int) {
	list := make([]sensors.Reading, n)
	for i := range list {
		list[i] = sensors.Reading{Sensor: "s", Quantity: sensors.Count, Value: d.next, Stamp: d.p.o.Clock.Now()}
		d.next++
	}
	d.p.Add(list)
}

// finish ends the stream, waits for the last ack and stops everything.
func (d *desk) finish() {
	d.t.Helper()
	d.p.Finish()
	select {
	case <-d.p.Drained():
	case <-time.After(24 * time.Hour):
		d.t.Errorf("not drained within a day: %+v", d.p.Stats())
	}
	d.stop()
	d.wg.Wait()
	d.q.Close(context.Background())
}

// whole checks that every number arrived with its own value, except those in lost entries, and that the end was told.
func (d *desk) whole() {
	d.t.Helper()
	lost := map[uint64]bool{}
	ended := false
	for _, m := range d.messages {
		for _, l := range m.Lost {
			for i := range l.Count {
				lost[l.Seq+i] = true
			}
		}
		for i, r := range m.Readings {
			if v := m.Seq + uint64(i); r.Value != float64(v) {
				d.t.Fatalf("number %d has value %v", v, r.Value)
			}
		}
		ended = ended || m.End && m.Seq+uint64(len(m.Readings)) == uint64(d.next)
	}
	got := d.numbers()
	for i := range uint64(d.next) {
		if (got[i] > 0) == lost[i] {
			d.t.Fatalf("number %d: arrived %d times, lost %v", i, got[i], lost[i])
		}
	}
	if len(got)+len(lost) != int(d.next) {
		d.t.Errorf("%d numbers arrived and %d are lost of %v: some were invented", len(got), len(lost), d.next)
	}
	if !ended {
		d.t.Error("the end was not told")
	}
}

func TestBatchIsDueByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, &broker{}, options(t))
		time.Sleep(time.Second)
		began := time.Now()
		for range 5 {
			d.add(1)
			time.Sleep(time.Second)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if len(d.messages) != 1 || len(d.messages[0].Readings) != 5 {
			t.Fatalf("messages %+v, want one of 5 readings", d.messages)
		}
		if age := d.at[0].Sub(began); age < 10*time.Second || age > 10*time.Second+100*time.Millisecond {
			t.Errorf("sent at the age of %v", age)
		}
		d.finish()
		d.whole()
	})
}

// TestGoodLinkSparesTheCard: with the default age and sync, which are the same, nothing reaches the disk while acks come.
func TestGoodLinkSparesTheCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.Sync = o.Batch.Age
		d := start(t, &broker{}, o)
		for range 600 {
			d.add(1)
			time.Sleep(time.Second)
		}
		if s := d.q.Stats(); s.Written != 0 || s.Segments != 0 {
			t.Errorf("%d bytes in %d files were written on a good link", s.Written, s.Segments)
		}
		d.finish()
		d.whole()
	})
}

func TestBatchIsDueByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, &broker{}, options(t))
		for range 3 {
			d.add(100)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		for i, size := range d.sizes {
			if size > 5000 {
				t.Errorf("message %d takes %d bytes", i, size)
			}
		}
		if len(d.messages) < 4 {
			t.Errorf("%d messages within 3 s, want those that are full", len(d.messages))
		}
		d.finish()
		d.whole()
	})
}

func TestBatchIsDueByReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.Batch.Readings = 7
		d := start(t, &broker{}, o)
		time.Sleep(time.Second)
		d.add(21)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if len(d.messages) != 3 {
			t.Errorf("%d messages, want 3", len(d.messages))
		}
		d.finish()
		d.whole()
	})
}

func TestBacklogFillsSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{down: true}
		d := start(t, b, options(t))
		for range 200 {
			d.add(50)
			time.Sleep(time.Second)
		}
		b.mu.Lock()
		b.down = false
		b.mu.Unlock()
		time.Sleep(3 * time.Minute)
		d.finish()
		d.whole()
		var total, steps int
		for i, size := range b.sizes {
			if n := len(b.messages[i].Readings); n > 500 || size > 120000 {
				t.Errorf("message %d: %d readings, %d bytes", i, n, size)
			}
			total, steps = total+size, steps+(size+4999)/5000
		}
		if full := float64(total) / float64(steps*5000); full < 0.93 {
			t.Errorf("steps of 5000 bytes are %.0f %% full in %d messages", full*100, len(b.sizes))
		}
		if len(b.sizes) > 40 {
			t.Errorf("%d messages for 10000 readings", len(b.sizes))
		}
		if got := b.numbers(); got[0] != 1 || got[9999] != 1 {
			t.Error("an outage alone made duplicates")
		}
	})
}

func TestWindowAndRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{down: true, behave: func(int, payload.Batch) verdict { return verdict{ack: true, after: 50 * time.Millisecond} }}
		o := options(t)
		o.Window, o.Rate, o.Batch.Readings = 8, Rate{Messages: 80, Bytes: 400 << 10}, 10
		d := start(t, b, o)
		d.add(5000)
		time.Sleep(time.Second)
		b.mu.Lock()
		b.down = false
		b.mu.Unlock()
		d.finish()
		d.whole()
		if b.most > 8 {
			t.Errorf("%d messages in flight, the window is 8", b.most)
		}
		for i := range b.at {
			n := 0
			for _, at := range b.at[i:] {
				if at.Sub(b.at[i]) < time.Second {
					n++
				}
			}
			if n > 96 {
				t.Fatalf("%d messages within a second", n)
			}
		}
	})
}

func TestCutsLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		b := &broker{behave: func(int, payload.Batch) verdict {
			n++
			switch {
			case n%7 == 0:
				return verdict{hang: true, after: 10 * time.Millisecond} // before the ack
			case n%11 == 0:
				return verdict{ack: true, hang: true, after: 10 * time.Millisecond} // after it
			}
			return verdict{ack: true, after: time.Duration(20+n*37%90) * time.Millisecond} // out of order
		}}
		d := start(t, b, options(t))
		for range 300 {
			d.add(20)
			time.Sleep(time.Second)
		}
		d.finish()
		d.whole()
		for i := 1; i < len(b.dials); i++ {
			if gap := b.dials[i].Sub(b.dials[i-1]); gap < time.Second {
				t.Errorf("attempts %v apart", gap)
			}
		}
	})
}

func TestPoisonIsSetAside(t *testing.T) {
	t.Run("without a word", func(t *testing.T) { setAside(t, nil) })
	t.Run("refused by an answer", func(t *testing.T) { setAside(t, fmt.Errorf("publish: %w", refusal{message: true})) })
}

func setAside(t *testing.T, why error) {
	synctest.Test(t, func(t *testing.T) {
		poison := func(b payload.Batch) bool {
			return slices.ContainsFunc(b.Readings, func(r payload.Reading) bool { return r.Value == 333.0 })
		}
		b := &broker{behave: func(_ int, m payload.Batch) verdict {
			if poison(m) {
				return verdict{hang: true, after: 5 * time.Millisecond, why: why}
			}
			return verdict{ack: true, after: 20 * time.Millisecond}
		}}
		d := start(t, b, options(t))
		for range 30 {
			d.add(30)
			time.Sleep(time.Second)
		}
		d.finish()
		var lost []payload.Loss
		for i, m := range d.messages {
			if poison(m) {
				d.messages[i] = payload.Batch{} // refused, so it did not arrive
			}
			lost = append(lost, m.Lost...)
		}
		d.whole()
		if len(lost) != 1 || lost[0].Seq != 333 || lost[0].Count != 1 || lost[0].Reason != "rejected" {
			t.Errorf("lost entries %+v, want number 333 rejected, once", lost)
		}
	})
}

func TestBrokerThatTakesNothingCostsNothing(t *testing.T) {
	for minutes := range 20 { // the broker changes its mind in every phase of the suspicion
		synctest.Test(t, func(t *testing.T) { denied(t, 95+minutes) })
	}
}

func denied(t *testing.T, minutes int) {
	deny := true
	b := &broker{behave: func(int, payload.Batch) verdict {
		if deny {
			return verdict{hang: true, after: 5 * time.Millisecond}
		}
		return verdict{ack: true, after: 20 * time.Millisecond}
	}}
	d := start(t, b, options(t))
	for range minutes {
		d.add(5)
		time.Sleep(time.Minute)
	}
	b.mu.Lock()
	deny = false
	for i := range b.messages {
		b.messages[i] = payload.Batch{}
	}
	b.mu.Unlock()
	d.finish()
	d.whole()
	for _, m := range d.messages {
		if len(m.Lost) > 0 {
			t.Fatalf("lost %+v although the broker refused everything", m.Lost)
		}
	}
}

// TestSuspectAtTheEnd: the last reading of a run is refused for a while; the end must not settle it.
func TestSuspectAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := 0
		b := &broker{}
		b.behave = func(int, payload.Batch) verdict {
			if refused < 9 {
				refused++
				return verdict{hang: true, after: time.Second}
			}
			return verdict{ack: true, after: 20 * time.Millisecond}
		}
		d := start(t, b, options(t))
		d.add(1)
		time.Sleep(30 * time.Second)
		d.p.Finish()
		time.Sleep(time.Hour)
		d.finish()
		d.whole()
		for _, m := range d.messages {
			if len(m.Lost) > 0 {
				t.Errorf("lost %+v", m.Lost)
			}
		}
	})
}

func TestUntrustedTimesAreRepaired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{}
		o := options(t)
		began := time.Now()
		var synced bool
		var mu sync.Mutex
		o.Clock = clock.New(clock.BootID{7}, func() clock.Stamp {
			mu.Lock()
			defer mu.Unlock()
			s := clock.Stamp{Boot: int64(time.Since(began)), Wall: int64(time.Since(began))} // 1970
			if synced {
				s.Wall, s.Synced = time.Now().UnixNano(), true
			}
			return s
		})
		d := start(t, b, o)
		d.add(1)
		time.Sleep(11 * time.Second) // goes out marked
		d.add(1)
		time.Sleep(5 * time.Second)
		mu.Lock()
		synced = true
		mu.Unlock()
		d.add(1)
		d.finish()
		d.whole()
		if first := d.messages[0].Readings[0]; !first.Unsynced {
			t.Errorf("%+v: the time of a reading before the sync was passed off as right", first)
		}
		var all []payload.Reading
		for _, m := range d.messages[1:] {
			all = append(all, m.Readings...)
		}
		if len(all) != 2 || all[0].Unsynced || all[1].Unsynced {
			t.Fatalf("readings %+v: want both trusted", all)
		}
		if want := began.Add(11 * time.Second).UnixMicro(); all[0].Time < want-2000 || all[0].Time > want+2000 {
			t.Errorf("repaired time %v, want %v", all[0].Time, want)
		}
	})
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{down: true}
		d := start(t, b, options(t))
		d.add(1)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := len(b.dials); n < 24*3600/150 || n > 24*3600/40 {
			t.Errorf("%d attempts in a day offline", n)
		}
		for i := 1; i < len(b.dials); i++ {
			if gap := b.dials[i].Sub(b.dials[i-1]); gap < time.Second || gap > 121*time.Second {
				t.Fatalf("attempts %v apart", gap)
			}
		}
		b.mu.Lock()
		b.down = false
		b.mu.Unlock()
		d.finish()
		d.whole()
	})
}

// TestOutageIsLoggedSparingly: a day without a broker, one with a broker that hangs up at once, and one in which it is always something
// else, take few lines.
func TestOutageIsLoggedSparingly(t *testing.T) {
	for name, b := range map[string]*broker{
		"down": {down: true},
		"one thing after the other": {fails: func(n int) error {
			return &route.Error{Stage: route.Stages()[n%len(route.Stages())], Op: "connect", Err: errNoRoute}
		}},
		"flaps": {behave: func(int, payload.Batch) verdict { return verdict{hang: true, after: time.Second} }},
	} {
		synctest.Test(t, func(t *testing.T) {
			var text strings.Builder
			o := options(t)
			o.Log = slog.New(slog.NewTextHandler(&text, nil))
			d := start(t, b, o)
			d.add(1)
			time.Sleep(24 * time.Hour)
			d.stop()
			d.wg.Wait()
			d.q.Close(context.Background())
			if n := strings.Count(text.String(), "\n"); n < 10 || n > 99 {
				t.Errorf("%s: %d lines in a day:\n%.2000s", name, n, text.String())
			}
		})
	}
}

// TestTheEndOfAnOutageIsLogged: whatever the outage took, its end is the last that the log says.
func TestTheEndOfAnOutageIsLogged(t *testing.T) {
	for _, lasts := range []time.Duration{2 * time.Second, time.Minute, 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var text strings.Builder
			o := options(t)
			o.Log = slog.New(slog.NewTextHandler(&text, nil))
			begin := time.Now()
			d := start(t, &broker{fails: func(int) error {
				if time.Since(begin) > lasts {
					return nil
				}
				return errNoRoute
			}}, o)
			d.add(1)
			time.Sleep(lasts + 5*time.Minute)
			d.stop()
			d.wg.Wait()
			d.q.Close(context.Background())
			lines := strings.Split(strings.TrimSpace(text.String()), "\n")
			if !strings.Contains(lines[len(lines)-1], "msg=connected") || strings.Count(text.String(), "msg=connected") != 1 {
				t.Errorf("an outage of %v: %d lines, the last %s", lasts, len(lines), lines[len(lines)-1])
			}
		})
	}
}

func TestFirstRetryIsSpread(t *testing.T) {
	r := Reconnect{Min: time.Second, Max: 2 * time.Minute, Spread: time.Hour}
	var most time.Duration
	for range 1000 {
		most = max(most, r.wait(0))
		if d := r.wait(1); d > 3*time.Second {
			t.Fatalf("the second retry waits %v", d)
		}
	}
	if most < 30*time.Minute {
		t.Errorf("the first retries wait %v at most, spread over an hour", most)
	}
}

func TestFormats(t *testing.T) {
	o := options(t)
	if o.Format = "xml"; func() bool { _, err := New(o); return err == nil }() {
		t.Error("an unknown format was taken")
	}
	if got := strings.Join(Formats(), " "); got != "json columns senml" {
		t.Errorf("formats %s", got)
	}
}

// TestWhatCountsAsARefusal of one message: not an answer about the device or the server's state.
func TestWhatCountsAsARefusal(t *testing.T) {
	for want, errs := range map[bool][]error{
		true:  {io.EOF, fmt.Errorf("x: %w", io.ErrUnexpectedEOF), refusal{true}, fmt.Errorf("x: %w", refusal{true})},
		false: {errNoRoute, refusal{false}, context.Canceled, nil},
	} {
		for _, err := range errs {
			if hungUp(err) != want {
				t.Errorf("%v: want %v", err, want)
			}
		}
	}
}
