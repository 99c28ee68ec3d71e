package sim

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// echo is a part that sends back what it was sent before, and counts its power-ons.
type echo struct {
	last   []byte
	powers int
}

func (e *echo) Power(time.Time) { e.last, e.powers = nil, e.powers+1 }
func (e *echo) Transfer(_ time.Time, w, r []byte) {
	copy(r, e.last)
	e.last = slices.Clone(w)
}

func TestSPIFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, e := New(Options{}), &echo{}
		c, err := b.SPI("0.0", kind.SPIOptions{Mode: 1})
		if err != nil {
			t.Fatal(err)
		}
		w, r := []byte{1, 2, 3}, make([]byte, 3)
		if err := c.Tx(w, r); err != nil || !bytes.Equal(r, []byte{0xFF, 0xFF, 0xFF}) {
			t.Errorf("nobody there: % x, %v", r, err)
		}
		b.PlugSPI("0.0", "echo", e)
		for _, tt := range []struct {
			fault Fault
			want  []byte
			err   error
			took  time.Duration
			heard []byte // by the part
		}{
			{Fault{}, w, nil, 0, w},
			{Fault{Trouble: NAK}, []byte{0xFF, 0xFF, 0xFF}, nil, 0, nil},
			{Fault{Trouble: Ones}, []byte{0xFF, 0xFF, 0xFF}, nil, 0, nil},
			{Fault{Trouble: Zeros}, []byte{0, 0, 0}, nil, 0, nil},
			{Fault{Trouble: Timeout}, nil, syscall.ETIMEDOUT, AdapterTimeout, nil},
			{Fault{Trouble: Broken}, nil, syscall.EIO, 0, w},
			{Fault{Trouble: Flip, Byte: 1, Bit: 2}, []byte{1, 6, 3}, nil, 0, w},
			{Fault{Trouble: FlipWrite, Byte: -1, Bit: 7}, w, nil, 0, []byte{1, 2, 0x83}},
			{Fault{Trouble: Lost}, w, nil, 0, w},
		} {
			e.last = slices.Clone(w)
			b.Inject("spi-0.0", func(x Transfer) Fault {
				if x.W != 3 || x.R != 3 || x.N != 0 {
					t.Errorf("asked about %+v", x)
				}
				return tt.fault
			})
			if tt.heard == nil {
				e.last = nil
			}
			begin := time.Now()
			err := c.Tx(w, r)
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) || err == nil && !bytes.Equal(r, tt.want) || time.Since(begin) != tt.took {
				t.Errorf("%+v: % x, %v after %v", tt.fault, r, err, time.Since(begin))
			}
			if !bytes.Equal(e.last, tt.heard) {
				t.Errorf("%+v: the part heard % x, want % x", tt.fault, e.last, tt.heard)
			}
		}
		b.Inject("spi-0.0", func(Transfer) Fault { return Fault{Trouble: Hang} })
		done := make(chan error)
		go func() { done <- c.Tx(w, r) }()
		time.Sleep(time.Hour)
		b.Inject("spi-0.0", nil)
		if err := <-done; sensors.ClassOf(err) != sensors.Timeout {
			t.Errorf("hung: %v", err)
		}
		b.BrownOutSPI("0.0")
		if e.powers != 2 || b.SPIChip("0.0") != SPIChip(e) {
			t.Errorf("switched on %d times", e.powers)
		}
		if old := b.UnplugSPI("0.0"); old != SPIChip(e) || b.SPIChip("0.0") != nil {
			t.Errorf("pulled %v", old)
		}
		if _, err := b.SPI("0.0", kind.SPIOptions{Mode: 0}); sensors.ClassOf(err) != sensors.Busy {
			t.Errorf("another mode: %v", err)
		}
		if err := errors.Join(c.Close(), c.Close()); err != nil {
			t.Error(err)
		}
		if err := c.Tx(w, r); err == nil {
			t.Error("closed, and goes on")
		}
		if _, err := b.SPI("0.0", kind.SPIOptions{Mode: 0}); err != nil {
			t.Errorf("another mode, after close: %v", err)
		}
	})
}

// parrot is a part that repeats what it hears after 100 ms, and says "tick" each second by itself.
type parrot struct {
	heard []byte
	reply time.Time
	tick  time.Time
}

func (p *parrot) Power(now time.Time) { *p = parrot{tick: now.Add(time.Second)} }
func (p *parrot) Hear(at time.Time, b []byte) {
	p.heard, p.reply = slices.Clone(b), at.Add(100*time.Millisecond)
}

func (p *parrot) Say(now time.Time, send func(time.Time, []byte)) time.Time {
	if p.heard != nil && !p.reply.After(now) {
		send(p.reply, p.heard)
		p.heard = nil
	}
	for ; !p.tick.After(now); p.tick = p.tick.Add(time.Second) {
		send(p.tick, []byte("tick"))
	}
	if p.heard != nil && p.reply.Before(p.tick) {
		return p.reply
	}
	return p.tick
}

// gather reads until nothing comes for a while.
func gather(t *testing.T, u kind.UART, wait time.Duration) (all []byte, err error) {
	t.Helper()
	b := make([]byte, 16)
	for end := time.Now().Add(wait); time.Now().Before(end); {
		n, err := u.Read(t.Context(), b, time.Until(end))
		if err != nil && sensors.ClassOf(err) != sensors.Timeout {
			return all, err
		}
		all = append(all, b[:n]...)
	}
	return all, nil
}

func TestUARTFaults(t *testing.T) {
	const port = "/dev/serial0"
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		b.PlugTalker(port, "parrot", new(parrot))
		u, err := b.UART(port, 9600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.UART(port, 9600); sensors.ClassOf(err) != sensors.Busy {
			t.Errorf("opened twice: %v", err)
		}
		if err := u.Write(t.Context(), []byte("0123")); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		one := make([]byte, 9)
		n, err := u.Read(t.Context(), one, time.Second)
		// Four bytes there, 100 ms, and the first byte back, of 1.04 ms each.
		if want := 100*time.Millisecond + 5*10*time.Second/9600; string(one[:n]) != "0" || err != nil || time.Since(begin) > want || time.Since(begin) < want-time.Microsecond {
			t.Errorf("first byte: %q, %v after %v, want %v", one[:n], err, time.Since(begin), want)
		}
		if all, err := gather(t, u, 100*time.Millisecond); string(all) != "123" || err != nil {
			t.Errorf("the others: %q, %v", all, err)
		}
		if _, err := u.Read(t.Context(), one, 100*time.Millisecond); sensors.ClassOf(err) != sensors.Timeout {
			t.Errorf("silence: %v", err)
		}
		time.Sleep(2 * time.Second)
		if n, err := u.Flush(); n != 8 || err != nil {
			t.Errorf("two ticks: %d bytes, %v", n, err)
		}
		time.Sleep(3 * time.Hour)
		if n, err := u.Flush(); n != received || err != nil {
			t.Errorf("hours of ticks: %d bytes, %v", n, err)
		}
		for _, tt := range []struct {
			fault   Fault
			written string // what comes back of a write that fails
			frame   string // what comes of a tick that fails
			err     bool
		}{
			{Fault{}, "0123", "tick", false},
			{Fault{Trouble: NAK}, "", "", false},
			{Fault{Trouble: Timeout}, "", "", false},
			{Fault{Trouble: Hang}, "", "", false},
			{Fault{Trouble: Broken}, "", "", true},
			{Fault{Trouble: Lost}, "013", "tik", false},
			{Fault{Trouble: Cut}, "01", "ti", false},
			{Fault{Trouble: Flip, Byte: 0, Bit: 0}, "0123", "uick", false},
			{Fault{Trouble: FlipWrite, Byte: 1, Bit: 1}, "0323", "tick", false},
			{Fault{Trouble: Ones}, "\xff\xff\xff\xff", "\xff\xff\xff\xff", false},
			{Fault{Trouble: Zeros}, "\x00\x00\x00\x00", "\x00\x00\x00\x00", false},
			{Fault{Trouble: Noise}, string(garbage[:]) + "0123", string(garbage[:]) + "tick", false},
		} {
			b.PlugTalker(port, "parrot", new(parrot))
			u.Flush()
			b.Inject("uart:"+port, func(x Transfer) Fault {
				if x.W > 0 {
					return tt.fault
				}
				return Fault{}
			})
			err := u.Write(t.Context(), []byte("0123"))
			all, rerr := gather(t, u, 500*time.Millisecond)
			if string(all) != tt.written || (err != nil) != tt.err || rerr != nil {
				t.Errorf("write with %+v: %q, %v, %v", tt.fault, all, err, rerr)
			}
			b.Inject("uart:"+port, func(x Transfer) Fault {
				if x.R > 0 {
					return tt.fault
				}
				return Fault{}
			})
			all, rerr = gather(t, u, 600*time.Millisecond)
			if string(all) != tt.frame || (rerr != nil) != tt.err {
				t.Errorf("frame with %+v: %q, %v", tt.fault, all, rerr)
			}
		}
		b.Inject("uart:"+port, nil)

		// An answer that is due while the part speaks by itself, 4.2 ms from 1 s on, comes behind that.
		b.PlugTalker(port, "parrot", new(parrot))
		begin = time.Now()
		u.Flush()
		time.Sleep(893 * time.Millisecond)
		u.Write(t.Context(), []byte("01234567"))
		var both []byte
		for len(both) < 12 {
			n, err := u.Read(t.Context(), one, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			both = append(both, one[:n]...)
		}
		if took := time.Since(begin); string(both) != "tick01234567" || took < time.Second+12*10*time.Second/9600-time.Microsecond {
			t.Errorf("two at once: %q after %v", both, took)
		}

		// Pulled in the middle of a frame: no more of it comes.
		b.PlugTalker(port, "parrot", new(parrot))
		u.Flush()
		time.Sleep(time.Second + 3*time.Millisecond)
		if n, _ := u.Flush(); n != 2 {
			t.Errorf("%d bytes of a frame have come after 3 ms", n)
		}
		old := b.UnplugTalker(port)
		if all, _ := gather(t, u, 5*time.Second); old == nil || b.Talker(port) != nil || len(all) > 0 {
			t.Errorf("pulled %v: %q", old, all)
		}
		// Plugged in while somebody waits.
		time.AfterFunc(time.Second, func() { b.PlugTalker(port, "parrot", new(parrot)) })
		if n, err := u.Read(t.Context(), one, 3*time.Second); n != 1 || err != nil {
			t.Errorf("plugged in: %d, %v", n, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		if err := errors.Join(u.Close(), u.Close()); err != nil {
			t.Error(err)
		}
		if _, err := u.Read(ctx, one, time.Hour); err == nil {
			t.Error("closed, and reads")
		}
		if u, err = b.UART(port, 9600); err != nil {
			t.Fatal(err)
		}
		if _, err := u.Read(ctx, one, time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}
