package publisher

import "context"

// Link is one live connection to the broker that takes messages: an MQTT session, or a way to post them over HTTPS.
type Link interface {
	// Publish hands a message over. payload belongs to the link until done is called: exactly once, from any goroutine, with nil
	// only when the broker has acknowledged this very message (with qos 0: when it was written out). When Publish returns an error,
	// done is not called.
	Publish(topic string, qos byte, payload []byte, done func(error)) error
	// Done is closed when the link is over; Err then says why.
	Done() <-chan struct{}
	Err() error
	// Close ends the link in order (DISCONNECT); what is in flight gets its done with an error.
	Close(ctx context.Context) error
}
