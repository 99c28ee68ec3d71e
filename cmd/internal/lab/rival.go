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

// Rival is another device with that client id. It logs in, says nothing, and comes back whenever its session ends, until the lab closes.
func (l *Lab) Rival(client string) {
	ctx, cancel := context.WithCancel(context.Background())
	l.wg.Go(func() {
		<-l.stop
		cancel()
	})
	l.wg.Go(func() {
		for l.visit(ctx, client); ctx.Err() == nil; l.visit(ctx, client) {
			select {
			case <-ctx.Done():
			case <-time.After(comesBack):
			}
		}
	})
}

func (l *Lab) visit(ctx context.Context, client string) {
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
	packet := []byte{pConnect << 4, byte(12 + len(client)), 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, byte(len(client))}
	c.Write(append(packet, client...))
	io.Copy(io.Discard, c)
}
