package route

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
)

// socks is the layer that asks a SOCKS5 proxy for a connection (RFC 1928), with user and password (RFC 1929) where it wants them.
type socks struct {
	over Dialer // to the proxy
	hop  *hop
}

// The bytes of RFC 1928 and 1929.
const (
	socksVersion  = 5
	socksNoLogin  = 0
	socksPassword = 2
	socksNone     = 0xff // no method is acceptable
	socksConnect  = 1
	socksIPv4     = 1
	socksName     = 3
	socksIPv6     = 4
	loginVersion  = 1
)

// DialContext implements Dialer: the name in addr goes to the proxy as it is.
func (s *socks) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, proxyTimeout)
	defer cancel()
	user, password, err := s.hop.login()
	if err != nil {
		return nil, err
	}
	request, err := socksRequest(addr)
	if err != nil {
		return nil, s.failed(addr, err, "")
	}
	conn, err := s.over.DialContext(ctx, network, s.hop.addr())
	if err != nil {
		return nil, err
	}
	done := bound(ctx, conn)
	err = s.greet(conn, user, password)
	if err == nil {
		err = s.ask(conn, request)
	}
	if late := done(); late != nil {
		err = late
	}
	if err != nil {
		_ = conn.Close() // what matters is in err
		return nil, s.explain(addr, err)
	}
	return conn, nil
}

// greet agrees on a method and logs in.
func (s *socks) greet(conn net.Conn, user, password string) error {
	methods := []byte{socksNoLogin}
	if user != "" {
		if len(user) > 255 || len(password) > 255 || password == "" {
			return &socksError{text: "SOCKS5 takes a user and a password of 1 to 255 bytes each", hint: "check the user in " + s.hop.from + " and the password"}
		}
		methods = append(methods, socksPassword)
	}
	if _, err := conn.Write(append([]byte{socksVersion, byte(len(methods))}, methods...)); err != nil {
		return err
	}
	var reply [2]byte
	if _, err := io.ReadFull(conn, reply[:]); err != nil {
		return err
	}
	switch method := reply[1]; {
	case reply[0] != socksVersion:
		return s.foreign(reply[:])
	case method == socksNoLogin:
		return nil
	case method == socksPassword && user != "":
		return s.login(conn, user, password)
	case method == socksNone && user == "":
		return &socksError{text: "the proxy wants a login", hint: "write the user into " + s.hop.from +
			", socks5://USER@HOST:PORT, and name a file with the password in proxy_password_file"}
	case method == socksNone:
		return &socksError{text: "the proxy takes neither no login nor user and password", hint: "see the proxy's log and its methods"}
	default:
		return &socksError{text: fmt.Sprintf("the proxy chose method %#x, which was not offered", method), hint: "see the proxy's log"}
	}
}

func (s *socks) login(conn net.Conn, user, password string) error {
	message := append([]byte{loginVersion, byte(len(user))}, user...)
	message = append(append(message, byte(len(password))), password...)
	if _, err := conn.Write(message); err != nil {
		return err
	}
	var reply [2]byte
	if _, err := io.ReadFull(conn, reply[:]); err != nil {
		return err
	}
	if reply[1] != 0 {
		return &socksError{text: "the proxy does not take this user and password", hint: "check both"}
	}
	return nil
}

// ask sends the request and reads the reply, no byte more: what follows belongs to the tunnel.
func (s *socks) ask(conn net.Conn, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	var head [5]byte // version, reply, reserved, address type, and the address's first byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	if head[0] != socksVersion {
		return s.foreign(head[:])
	}
	if head[1] != 0 {
		return newSocksReply(head[1])
	}
	rest := 2 // the port
	switch head[3] {
	case socksIPv4:
		rest += net.IPv4len - 1
	case socksIPv6:
		rest += net.IPv6len - 1
	case socksName:
		rest += int(head[4])
	default:
		return &socksError{text: fmt.Sprintf("the proxy's reply has an address of unknown type %#x", head[3]), hint: "see the proxy's log"}
	}
	_, err := io.ReadFull(conn, make([]byte, rest))
	return err
}

// socksRequest encodes a CONNECT request. A name is never resolved here.
func socksRequest(addr string) ([]byte, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	b := []byte{socksVersion, socksConnect, 0}
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap().WithZone("")
		kind := byte(socksIPv6)
		if ip.Is4() {
			kind = socksIPv4
		}
		b = append(append(b, kind), ip.AsSlice()...)
	} else {
		if len(host) > 255 {
			return nil, errors.New("the broker's name has more than 255 bytes")
		}
		b = append(append(b, socksName, byte(len(host))), host...)
	}
	return append(b, byte(n>>8), byte(n)), nil
}

// foreign is what to say where another protocol answers.
func (s *socks) foreign(start []byte) error {
	e := &socksError{text: fmt.Sprintf("what answers is no SOCKS5 proxy, it says %q", printable(string(start), nil)),
		hint: "check host and port in " + s.hop.from}
	switch start[0] {
	case 'H':
		e.hint = "it looks like an HTTP proxy; write http:// in " + s.hop.from
	case 0, 4:
		e.hint = "it looks like a SOCKS4 proxy, which is too old: it cannot resolve the broker's name"
	}
	return e
}

// explain makes the error of this layer.
func (s *socks) explain(addr string, err error) *Error {
	if e, ok := errors.AsType[*socksError](err); ok {
		return s.failed(addr, e, e.hint)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return s.failed(addr, fmt.Errorf("no answer in time: %w", context.DeadlineExceeded),
			"it takes the connection and then says nothing; is it a SOCKS5 proxy? See its log, and whether it can reach the broker")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return s.failed(addr, fmt.Errorf("the proxy hung up: %w", err), "is it a SOCKS5 proxy? See its log: it may not like this machine's address")
	}
	return s.failed(addr, err, "")
}

func (s *socks) failed(addr string, err error, hint string) *Error {
	return &Error{Stage: StageProxy, Op: "tunnel to " + addr + " through " + s.hop.String(), Err: err, Hint: hint}
}

// socksError is what a SOCKS5 proxy refused, or what it said that is none of SOCKS5.
type socksError struct{ text, hint string }

func (e *socksError) Error() string { return e.text }

// newSocksReply explains a reply code (RFC 1928 section 6).
func newSocksReply(code byte) *socksError {
	const reach = "the proxy itself cannot reach the broker; check publisher.broker, then ask the proxy's operator"
	replies := []socksError{
		1: {"general failure", "see the proxy's log; often it cannot resolve the broker's name"},
		2: {"connection not allowed by its rules", "ask the proxy's operator to allow the broker's name and port"},
		3: {"network unreachable", reach},
		4: {"host unreachable", reach},
		5: {"connection refused", reach},
		6: {"time to live expired", reach},
		7: {"command not supported", "this proxy does not open connections for others; check host and port"},
		8: {"address type not supported", "this proxy takes no names; one that resolves names is needed"},
	}
	if int(code) >= len(replies) {
		return &socksError{fmt.Sprintf("the proxy answered with unknown code %d", code), "see the proxy's log"}
	}
	e := replies[code]
	e.text = fmt.Sprintf("the proxy answered %d, %s", code, e.text)
	return &e
}
