package route

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWriteToAPeerThatTakesNothingEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c, start := Wrap(near), time.Now()
		_, err := c.Write([]byte("x"))
		if got := time.Since(start); got != WriteTimeout {
			t.Errorf("ended after %v, want %v", got, WriteTimeout)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || StageOf(err) != StageTCP {
			t.Errorf("error %v at stage %q", err, StageOf(err))
		}
		if _, again := c.Write([]byte("y")); again != err {
			t.Errorf("a later write says %v, want the cause %v", again, err)
		}
		if _, again := c.Read(make([]byte, 1)); again != err {
			t.Errorf("a later read says %v, want the cause %v", again, err)
		}
		if c.Cause() != err {
			t.Errorf("cause %v, want %v", c.Cause(), err)
		}
	})
}

func TestEachWriteHasItsOwnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := Wrap(near)
		go func() {
			for range 5 {
				time.Sleep(WriteTimeout - time.Second)
				if _, err := far.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
			}
		}()
		for i := range 5 {
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatalf("write %d: %v", i, err)
			}
		}
		if _, out := c.Bytes(); out != 5 {
			t.Errorf("%d bytes counted, want 5", out)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestWritesAreNotMixed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := Wrap(near)
		go c.Write([]byte("aaaa"))
		go c.Write([]byte("bbbb"))
		var got []byte
		b := make([]byte, 1)
		for range 8 {
			if _, err := far.Read(b); err != nil {
				t.Fatal(err)
			}
			got = append(got, b[0])
		}
		if s := string(got); s != "aaaabbbb" && s != "bbbbaaaa" {
			t.Errorf("got %s", s)
		}
		_ = c.Close() // the peer is a pipe that is dropped
	})
}

func TestFailWakesReaderAndWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c, cause := Wrap(near), errors.New("no more")
		results := make(chan error, 3)
		go func() { _, err := c.Read(make([]byte, 1)); results <- err }()
		go func() { _, err := c.Write([]byte("x")); results <- err }()
		go func() { _, err := c.Write([]byte("y")); results <- err }()
		synctest.Wait()
		c.Fail(cause)
		c.Fail(errors.New("too late"))
		for range 3 {
			if err := <-results; err != cause {
				t.Errorf("got %v, want %v", err, cause)
			}
		}
		if err := c.Close(); err != nil {
			t.Errorf("close after fail: %v", err)
		}
	})
}

func TestEndOfThePeerIsNotACause(t *testing.T) {
	near, far := net.Pipe()
	c := Wrap(near)
	_ = far.Close() // this is what is tested
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read: %v, want EOF", err)
	}
	if c.Cause() != nil {
		t.Errorf("cause %v before anybody closed", c.Cause())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if c.Cause() != net.ErrClosed {
		t.Errorf("cause %v, want %v", c.Cause(), net.ErrClosed)
	}
	if Wrap(c) != c {
		t.Error("a Conn was wrapped again")
	}
}

// stuck is a session over another connection whose farewell waits until that connection is closed from elsewhere.
type stuck struct {
	net.Conn
	below    *closer
	farewell atomic.Bool
}

func (s *stuck) Close() error {
	s.farewell.Store(true)
	<-s.below.closed
	return nil
}

func (s *stuck) NetConn() net.Conn { return s.below }

// closer tells that it was closed.
type closer struct {
	net.Conn
	closed chan struct{}
}

func (c *closer) Close() error {
	close(c.closed)
	return c.Conn.Close()
}

func newStuck() (*stuck, net.Conn) {
	near, far := net.Pipe()
	return &stuck{Conn: near, below: &closer{near, make(chan struct{})}}, far
}

func TestAStuckFarewellIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, far := newStuck()
		defer far.Close()
		start := time.Now()
		if err := Wrap(s).Close(); err != nil {
			t.Error(err)
		}
		if got := time.Since(start); got != closeTimeout {
			t.Errorf("closing took %v, want %v", got, closeTimeout)
		}
	})
}

func TestFailSaysNoFarewell(t *testing.T) {
	s, far := newStuck()
	defer far.Close()
	Wrap(s).Fail(errors.New("enough"))
	<-s.below.closed
	if s.farewell.Load() {
		t.Error("the session was closed with a farewell")
	}
}
