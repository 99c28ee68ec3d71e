package lab

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// What the lab's proxy takes as a login.
const (
	proxyUser     = "lab"
	proxyPassword = "right"
)

// Answers of a proxy that does not open a tunnel.
const (
	askBasic    = "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"pinhole-lab\""
	askKerberos = "407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate"
)

// proxy is an HTTP proxy that opens tunnels to the endpoint, by whatever name it has, and nowhere else.
type proxy struct {
	net.Listener
	lab    *Lab
	answer string // status and header in place of a tunnel; "": none

	mu   sync.Mutex
	open map[net.Conn]bool
	wg   sync.WaitGroup
}

// startProxy starts a proxy on a free loopback port. answer is what it says in place of opening a tunnel; with askBasic a tunnel opens
// for the right login.
func (l *Lab) startProxy(answer string) (addr string, err error) {
	p := &proxy{lab: l, answer: answer, open: map[net.Conn]bool{}}
	if p.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return "", err
	}
	l.also = append(l.also, p)
	p.wg.Go(func() {
		for {
			c, err := p.Accept()
			if err != nil {
				return
			}
			if p.keep(c) {
				p.wg.Go(func() { p.serve(c) })
			}
		}
	})
	return p.Addr().String(), nil
}

// keep notes a connection for Close; after that it is closed at once.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		c.Close()
		return false
	}
	p.open[c] = true
	return true
}

// end closes a connection.
func (p *proxy) end(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// Close ends all tunnels and waits for them.
func (p *proxy) Close() error {
	err := p.Listener.Close()
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.open = nil
	p.mu.Unlock()
	p.wg.Wait()
	return err
}

func (p *proxy) serve(c net.Conn) {
	defer p.end(c)
	c.SetDeadline(time.Now().Add(handshakeTime))
	r := bufio.NewReader(io.LimitReader(c, maxHead)) // the client waits for the answer, so no more than its request is read
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	host, _, _ := net.SplitHostPort(req.Host)
	login := req.Header.Get("Proxy-Authorization") == "Basic "+base64.StdEncoding.EncodeToString([]byte(proxyUser+":"+proxyPassword))
	status := p.answer
	switch {
	case status == askBasic && login:
		status = ""
	case status != "":
	case req.Method != http.MethodConnect:
		status = "405 Method Not Allowed"
	case !slices.Contains(p.lab.hosts, host):
		status = "503 Service Unavailable\r\nX-Squid-Error: ERR_DNS_FAIL 0"
	}
	if status != "" {
		p.say(c, status)
		return
	}
	to, err := net.Dial("tcp", p.lab.Addr())
	if err != nil {
		p.say(c, "503 Service Unavailable\r\nX-Squid-Error: ERR_CONNECT_FAIL 111")
		return
	}
	defer p.end(to)
	if !p.keep(to) {
		return
	}
	io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	c.SetDeadline(time.Time{})
	p.wg.Go(func() {
		io.Copy(to, c)
		to.Close()
	})
	io.Copy(c, to)
}

// say gives an answer without a body and hangs up.
func (p *proxy) say(c net.Conn, status string) {
	fmt.Fprintf(c, "HTTP/1.1 %s\r\nVia: 1.1 pinhole-lab\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status)
}
