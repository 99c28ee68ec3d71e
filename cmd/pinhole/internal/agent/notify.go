package agent

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"
)

// notifier tells systemd how the agent is (sd_notify(3)). Without NOTIFY_SOCKET it does nothing.
type notifier struct {
	socket string
	every  time.Duration // between two signs of life; 0: no watchdog
}

// newNotifier reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
func newNotifier(env func(string) string) notifier {
	n := notifier{socket: env("NOTIFY_SOCKET")}
	if n.socket == "" {
		return n
	}
	if pid := env("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return n
	}
	if us, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 {
		n.every = time.Duration(us) * time.Microsecond / 2
	}
	return n
}

// send sends one message, such as "READY=1". Failing to is not worth ending for: systemd then acts by its own time limits.
func (n notifier) send(state string) {
	if n.socket == "" {
		return
	}
	addr := &net.UnixAddr{Name: n.socket, Net: "unixgram"}
	if n.socket[0] == '@' {
		addr.Name = "\x00" + n.socket[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, addr)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	conn.Write([]byte(state))
}

// watchdog gives a sign of life at half the time that systemd allows, as long as alive returns within that time and says so.
func (n notifier) watchdog(ctx context.Context, alive func() bool) {
	if n.every == 0 {
		return
	}
	tick := time.NewTicker(n.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if alive() {
				n.send("WATCHDOG=1")
			}
		}
	}
}
