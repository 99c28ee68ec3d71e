package agent

import (
	"context"
	"fmt"
	"log/slog"

	"pinhole/publisher"
	"pinhole/publisher/session"
)

// presence tells on a topic of its own whether the device is connected: a retained birth message after each login, the broker's
// last will when the link breaks, and the same text as the will before a clean end (MQTT 3.1.1 section 3.1.2.5).
type presence struct {
	topic, device string
	log           *slog.Logger
}

func (p presence) text(online bool) []byte {
	return fmt.Appendf(nil, `{"device":%q,"online":%v}`, p.device, online)
}

func (p presence) will() *session.Will {
	return &session.Will{Topic: p.topic, Payload: p.text(false), QoS: 1, Retain: true}
}

// announce publishes the birth and returns a link that says goodbye at its end.
func (p presence) announce(s *session.Session) publisher.Link {
	p.publish(s, true)
	return &present{s, p}
}

func (p presence) publish(s *session.Session, online bool) <-chan struct{} {
	done := make(chan struct{})
	err := s.PublishRetained(p.topic, 1, p.text(online), func(err error) {
		if err != nil {
			p.log.Debug("presence was not told", "online", online, "error", err)
		}
		close(done)
	})
	if err != nil {
		close(done)
	}
	return done
}

// present is a link with presence.
type present struct {
	*session.Session
	p presence
}

// Close tells that the device goes, if the link still works.
func (l *present) Close(ctx context.Context) error {
	select {
	case <-l.Done():
	default:
		select {
		case <-l.p.publish(l.Session, false):
		case <-ctx.Done():
		}
	}
	return l.Session.Close(ctx)
}
