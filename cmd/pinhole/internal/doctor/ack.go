package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"pinhole/publisher"
	"pinhole/publisher/aws"
	"pinhole/publisher/payload"
	"pinhole/publisher/route"
	"pinhole/publisher/session"
)

// large is the size in bytes of the second message, which shows how fast the way is.
const large = 20000

// checkAck publishes on the configured topic and waits for the acknowledgement. What it publishes is the end of a stream of its own that
// had no readings, which consumers pass over: twice the same, the second time with spaces behind it, to measure the way's speed.
func (d *doctor) checkAck(ctx context.Context) []Check {
	switch b := d.blocked(); {
	case b != "":
		return []Check{skipAfter(b)}
	case d.failed[route.StageClock]:
		return []Check{skipAfter(route.StageClock)}
	case d.key.bad:
		return []Check{skipAfter(route.StageKey)}
	}
	if d.p.Broker.Scheme == route.HTTPS {
		if err := d.post(ctx); err != nil {
			return []Check{d.unacknowledged(err)}
		}
	}
	if d.login.s == nil || d.login.err != nil {
		return []Check{skip("there is no login to publish with")}
	}
	message, err := d.message()
	if err != nil {
		return []Check{fail(err.Error(), you, "run `pinhole check`")}
	}
	topic := d.p.Topic
	took, err := d.publish(ctx, d.login.s, message)
	if err != nil {
		if ctx.Err() == nil && cut(err) {
			return []Check{d.twice(ctx, message, err, d.denied())}
		}
		return []Check{d.unacknowledged(err)}
	}
	evidence := fmt.Sprintf("acknowledged after %s on %s: a batch without readings", brief(took), topic)
	message = slices.Concat(message, bytes.Repeat([]byte(" "), large-len(message)))
	again, err := d.publish(ctx, d.login.s, message)
	if err != nil {
		no := warn(fmt.Sprintf("%s; of one with %d bytes it was not: %v", evidence, large, err), d.operator(),
			"does the broker limit the size of messages? A backlog is sent in messages of up to 120000 bytes")
		if ctx.Err() == nil && cut(err) {
			no = d.twice(ctx, message, err, no)
		}
		return []Check{no}
	}
	if extra := again - took; extra > 2*time.Millisecond {
		evidence += fmt.Sprintf("; %d bytes took %s, about %s/s", large, brief(again), size(int64(large/extra.Seconds())))
	} else {
		evidence += fmt.Sprintf("; %d bytes took %s", large, brief(again))
	}
	return []Check{ok(evidence)}
}

// post makes the link of an https address. It goes the way only when something is published.
func (d *doctor) post(ctx context.Context) error {
	link, err := d.layers.Post(ctx, d.secured())
	if err == nil {
		d.login.s = link
	}
	return err
}

// message is the batch to publish.
func (d *doctor) message() ([]byte, error) {
	enc, err := payload.New(d.p.Format)
	if err != nil {
		return nil, err
	}
	enc.Begin(payload.Header{Device: d.c.Device, Stream: newStream(d.now()), End: true})
	return slices.Clone(enc.Finish()), nil
}

// newStream makes a UUIDv7 (RFC 9562 section 5.7).
func newStream(now time.Time) (s [16]byte) {
	rand.Read(s[:])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(s[:6], ms[2:])
	s[6], s[8] = s[6]&0x0f|0x70, s[8]&0x3f|0x80
	return s
}

// publish sends a message and waits for its acknowledgement.
func (d *doctor) publish(ctx context.Context, s publisher.Link, message []byte) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, d.o.Limits.Ack+time.Second) // the session's own limit comes first
	defer cancel()
	done := make(chan error, 1)
	begin := time.Now()
	if err := s.Publish(d.p.Topic, 1, message, func(err error) { done <- err }); err != nil {
		return 0, err
	}
	select {
	case err := <-done:
		return time.Since(begin), err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// cut reports whether the broker ended the session without a word.
func cut(err error) bool {
	return errors.Is(err, session.ErrHungUp) || errors.Is(err, session.ErrDisconnect)
}

// denied is the line about a broker that does not allow the topic.
func (d *doctor) denied() Check {
	policy := "allow publishing to " + d.p.Topic
	if d.p.AWS {
		policy = fmt.Sprintf("the policy of this device's certificate must allow iot:Publish on arn:aws:iot:%s:ACCOUNT:topic/%s",
			aws.Region(d.p.Broker.Host), d.p.Topic)
	}
	return fail("the broker hangs up on each publish to "+d.p.Topic+", and not before: it does not allow it", d.operator(), policy)
}

// twice tells apart a message that the broker does not take, which no says, from another client that took the session over. It logs in
// again and publishes at once: such a client needs a second to come back. If that is cut as well, a login on which nothing is said has
// to stand.
func (d *doctor) twice(ctx context.Context, message []byte, first error, no Check) Check {
	s, err := d.again(ctx, d.login.id)
	if err != nil {
		no.Evidence = oneLine(fmt.Sprintf("%s; it did not take the login again: %v", no.Evidence, err))
		return no
	}
	d.hangUp()
	d.login.s = s
	took, err := d.publish(ctx, s, message)
	if err != nil {
		if !cut(err) {
			return d.unacknowledged(err)
		}
		if s, err = d.again(ctx, d.login.id); err != nil {
			return no
		}
		d.hangUp()
		d.login.s, took = s, 0
	}
	lived, err := d.stands(ctx, s)
	if err != nil && took > 0 { // perhaps because of what it took: look at one on which nothing is said
		if s, again := d.again(ctx, d.login.id); again == nil {
			d.hangUp()
			d.login.s = s
			if lived, err = d.stands(ctx, s); err == nil {
				return fail("the broker acknowledges a message on "+d.p.Topic+" and then ends the session; without one it stays", d.operator(),
					"see the broker's log: does it limit how much a client may publish?")
			}
		}
	}
	if err != nil {
		return d.cutOff(ctx, "the session is cut whether something is published or not, the last one after "+brief(lived))
	}
	if took == 0 {
		return no
	}
	return warn(fmt.Sprintf("acknowledged after %s on %s, at the second try; the first connection was cut: %v", brief(took), d.p.Topic, first), network,
		"something cuts connections now and then; the agent sends again")
}

// unacknowledged is the line about a message without an answer.
func (d *doctor) unacknowledged(err error) Check {
	c := fail(err.Error(), d.operator(), advice(err))
	switch s := route.StageOf(err); s {
	case "":
	case route.StageClock:
		c = d.lateClock(err)
	case route.StageTCP, route.StageDNS, route.StageProxy:
		c.Stage, c.Hint = s, hint(network, advice(err))
	default:
		c.Stage = s
	}
	if c.Hint == "" {
		c.Hint = hint(network, "is that an MQTT broker, and nothing between that meddles? See whether it happens again")
	}
	return c
}
