package lab

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// DeadPort is a port that nobody gets through to. Accept never returns a connection.
type DeadPort struct {
	fd   int
	addr net.Addr
	full []net.Conn // they fill its queue
	gone chan struct{}
	once sync.Once
}

// ListenDead takes a port, so that nobody else has it. With drop it swallows what begins a connection, as the kernel does where the
// queue of a listener is full; else it refuses it, as it does where nobody listens.
func ListenDead(addr string, drop bool) (*DeadPort, error) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, err
	}
	family, name := syscall.AF_INET6, syscall.Sockaddr(&syscall.SockaddrInet6{Port: a.Port, Addr: [16]byte(a.IP.To16())})
	if ip := a.IP.To4(); ip != nil {
		family, name = syscall.AF_INET, &syscall.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip)}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	syscall.CloseOnExec(fd)
	d := &DeadPort{fd: fd, gone: make(chan struct{})}
	if err := d.bind(name, drop); err != nil {
		d.Close()
		return nil, fmt.Errorf("take port %s: %w", addr, err)
	}
	return d, nil
}

func (d *DeadPort) bind(name syscall.Sockaddr, drop bool) error {
	err := syscall.Bind(d.fd, name)
	if errors.Is(err, syscall.EADDRINUSE) { // by connections of before, which are over; then others may share the port, too
		err = syscall.SetsockoptInt(d.fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
		if err == nil {
			err = syscall.Bind(d.fd, name)
		}
	}
	if err != nil {
		return err
	}
	if name, err = syscall.Getsockname(d.fd); err != nil {
		return err
	}
	switch n := name.(type) {
	case *syscall.SockaddrInet4:
		d.addr = &net.TCPAddr{IP: n.Addr[:], Port: n.Port}
	case *syscall.SockaddrInet6:
		d.addr = &net.TCPAddr{IP: n.Addr[:], Port: n.Port}
	}
	if !drop {
		return nil
	}
	if err := syscall.Listen(d.fd, 0); err != nil {
		return err
	}
	for range 8 {
		c, err := net.DialTimeout("tcp", d.addr.String(), 200*time.Millisecond)
		if err != nil {
			return nil
		}
		d.full = append(d.full, c)
	}
	return errors.New("the kernel goes on taking connections though the queue of the listener is full")
}

// Accept implements net.Listener.
func (d *DeadPort) Accept() (net.Conn, error) {
	<-d.gone
	return nil, net.ErrClosed
}

// Addr implements net.Listener.
func (d *DeadPort) Addr() net.Addr { return d.addr }

// Close implements net.Listener.
func (d *DeadPort) Close() (err error) {
	d.once.Do(func() {
		close(d.gone)
		for _, c := range d.full {
			c.Close()
		}
		err = syscall.Close(d.fd)
	})
	return err
}

// deaden gives the endpoint's port to a dead one.
func (l *Lab) deaden(drop bool) error {
	addr := l.Addr()
	if err := l.ln.Close(); err != nil {
		return err
	}
	dead, err := ListenDead(addr, drop)
	if err == nil {
		l.ln = dead
	}
	return err
}
