package lab

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"
)

// comesBack is how long the rival waits when it is thrown out: an endpoint takes one CONNECT a second of a client id.
const comesBack = connectSpacing + 200*time.Millisecond

// rival is another device with the agent's client id. It logs in, says nothing, and comes back whenever its session ends.
func (l *Lab) rival() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan struct{})
	defer func() { <-done }()
	go func() {
		defer close(done)
		for l.visit(ctx); ctx.Err() == nil; l.visit(ctx) {
			select {
			case <-ctx.Done():
			case <-time.After(comesBack):
			}
		}
	}()
	<-l.stop
	cancel()
}

func (l *Lab) visit(ctx context.Context) {
	cfg, err := l.ClientTLS()
	if err != nil {
		l.log.Warn("client-id-taken", "error", err)
		return
	}
	c, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: handshakeTime}, Config: cfg}).DialContext(ctx, "tcp", l.Addr())
	if err != nil {
		return // the endpoint closes
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	packet := []byte{pConnect << 4, byte(12 + len(deviceName)), 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, byte(len(deviceName))}
	c.Write(append(packet, deviceName...))
	io.Copy(io.Discard, c)
}
