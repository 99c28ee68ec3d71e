package publisher

import (
	"time"

	"pinhole/publisher/payload"
	"pinhole/publisher/queue"
	"pinhole/publisher/record"
)

// message is one publish, from packing to acknowledgement.
type message struct {
	payload  []byte
	start    queue.Position // of its first reading
	stop     queue.Position // what is settled with it; zero: it carries losses alone
	stream   queue.Stream
	readings int
	ends     bool     // the stream ends with it
	losses   []uint64 // the entries that it carries
	done     bool     // acknowledged
}

// packed is a reading on its way into a message.
type packed struct {
	item     record.Item
	wall     int64 // µs since 1970
	unsynced bool
	born     time.Time // zero: read from disk
}

// packer makes messages of what the queue holds. It looks at the queue only when asked.
//
// AWS meters payload and topic in steps of 5 KB. So a message is due when it fills one step (Batch.Bytes) or when its oldest
// reading is old enough; and one of a backlog takes as many steps as it may and ends just below a whole number of them. What
// was read but did not fit stays in items for the next message.
type packer struct {
	o      *Options
	in     *intake
	enc    payload.Encoder
	reader *record.Reader

	block queue.Block // being read
	open  bool
	index int // of the next reading in it

	items []packed       // consecutive numbers of one stream
	first queue.Position // of items[0]
	of    queue.Stream
	end   queue.Position // not zero: the stream ends after items, and this settles it

	begun bool           // the encoder has the message's header
	added int            // items that the encoder has
	steps int            // of Batch.Bytes that they take
	fits  int            // of them, as many as end below a whole number of steps; 0: fewer than one step is full
	lost  []payload.Loss // to go with the message
	ids   []uint64

	limit    int            // not 0: readings in a message at most, while a batch is under suspicion
	skip     queue.Position // the reading under suspicion ...
	skipping bool           // ... is passed over, to see whether the broker takes others
	flush    bool           // whatever there is is due
}

// room for what finish may still add: `,"end":true`.
const endRoom = 12

func newPacker(o *Options, in *intake) (*packer, error) {
	enc, err := payload.New(o.Format)
	if err != nil {
		return nil, err
	}
	return &packer{o: o, in: in, enc: enc, reader: record.NewReader(record.NewTable()), of: o.Stream}, nil
}

// rewind forgets everything that is not acknowledged; the queue gives it out again.
func (p *packer) rewind() {
	p.o.Queue.Rewind()
	p.open, p.begun, p.added, p.end = false, false, 0, queue.Position{}
	p.items, p.lost, p.ids = p.items[:0], p.lost[:0], p.ids[:0]
}

// next makes m the next message if one is due. Otherwise wait says when one will be; 0: when there are more readings.
func (p *packer) next(m *message, now time.Time) (ok bool, wait time.Duration) {
	for {
		if p.fill() {
			p.finish(m, p.cut())
			return true, 0
		}
		switch {
		case p.fits > 0 && !p.flush:
			p.finish(m, p.fits)
			return true, 0
		case p.added > 0:
			age := now.Sub(p.items[0].born)
			if p.flush || age >= p.o.Batch.Age {
				if p.in.want(1) {
					continue
				}
				p.finish(m, p.added)
				return true, 0
			}
			if !p.in.want(p.room()) {
				return false, p.o.Batch.Age - age
			}
		case !p.in.want(p.room()):
			if p.takeLosses(); len(p.ids) == 0 {
				return false, 0
			}
			p.finish(m, 0)
			return true, 0
		}
	}
}

// room estimates how many more readings make a message due.
func (p *packer) room() int {
	if p.flush {
		return 1
	}
	each, used := 96, 0 // of json, about
	if p.added > 0 {
		used = p.enc.Len()
		each = max(1, used/p.added)
	}
	return max(1, min(p.o.Batch.Readings-p.added, (p.o.Batch.Bytes-len(p.o.Topic)-used)/each+1))
}

// fill moves readings from the queue into the message. It returns whether the message is as long as it can be; otherwise the queue
// has no more.
func (p *packer) fill() bool {
	limit := p.o.Batch.Readings
	if p.limit > 0 {
		limit = min(limit, p.limit)
	}
	for !p.begun || p.added < limit {
		if p.added == len(p.items) {
			if got, last := p.read(); !got {
				return last
			}
		}
		if !p.begun {
			p.takeLosses()
			p.begin(false)
		}
		it := &p.items[p.added]
		size := p.enc.Add(&it.item, it.wall, it.unsynced) + len(p.o.Topic) + endRoom
		if size > p.o.Max {
			p.enc.Truncate(p.added)
			if p.added > 0 {
				return true
			}
			p.oversize()
			continue
		}
		if size > p.steps*p.o.Batch.Bytes {
			p.fits = p.added
			p.steps = (size + p.o.Batch.Bytes - 1) / p.o.Batch.Bytes
		}
		p.added++
	}
	return true
}

// cut says how many readings a message that cannot be longer takes: all, unless its last step is mostly empty.
func (p *packer) cut() int {
	if p.fits == 0 || p.limit > 0 || p.added == len(p.items) && p.end != (queue.Position{}) {
		return p.added
	}
	last := p.enc.Len() + len(p.o.Topic) + endRoom - (p.steps-1)*p.o.Batch.Bytes
	if last >= p.o.Batch.Bytes*7/8 {
		return p.added
	}
	return p.fits
}

// read appends the next reading to items. If there is none, last tells whether the message must end here: at the end of a
// stream, at a hole in the numbers; otherwise the queue has no more for now.
func (p *packer) read() (got, last bool) {
	for p.end == (queue.Position{}) {
		if !p.open {
			b, ok := p.o.Queue.Next()
			if !ok {
				return false, false
			}
			p.block, p.index, p.open = b, b.Skip, true
			if !b.End && p.reader.Reset(b.Data) == nil {
				p.reader.Skip(b.Skip)
			}
		}
		at := queue.Position{Epoch: p.block.Epoch, Seq: p.block.Seq + uint64(p.index)}
		switch {
		case !p.block.End && p.index >= p.block.Count:
			p.open = false
			continue
		case len(p.items) > 0 && at != (queue.Position{Epoch: p.first.Epoch, Seq: p.first.Seq + uint64(len(p.items))}):
			return false, true
		case len(p.items) == 0:
			p.first, p.of = at, p.block.Stream
		}
		if p.block.End {
			p.end, p.open = p.block.Stop(), false
			break
		}
		p.items = append(p.items, packed{born: p.block.Born})
		it := &p.items[len(p.items)-1]
		if !p.reader.Next(&it.item) {
			p.items = p.items[:len(p.items)-1]
			p.corrupt(at)
			continue
		}
		p.index++
		if p.skipping && at == p.skip {
			p.items = p.items[:len(p.items)-1]
			continue
		}
		it.wall, it.unsynced = it.item.Wall, !it.item.Synced
		if it.unsynced {
			p.repair(it)
		}
		return true, false
	}
	return false, true
}

// repair works out the time of a reading whose clock was not to be trusted, if its boot has learnt the time since.
func (p *packer) repair(it *packed) {
	const us = int64(time.Microsecond)
	if wall, ok := p.o.History.Resolve(p.reader.Boot(), it.item.Boot*us, it.item.Wall*us, false); ok {
		it.wall, it.unsynced = wall/us, false
	}
}

// corrupt gives up the rest of a block that cannot be read although its checksum is right.
func (p *packer) corrupt(at queue.Position) {
	n := uint64(p.block.Count - p.index)
	p.o.Log.Error("stored readings cannot be read", "readings", n, "error", p.reader.Err())
	p.o.Queue.Lose(queue.Loss{Stream: p.block.Stream, Seq: at.Seq, Count: n, Reason: queue.Corrupt})
	p.open = false
}

// oversize gives up the one reading that no message can hold.
func (p *packer) oversize() {
	p.o.Log.Error("a reading is larger than any message may be", "limit", p.o.Max)
	p.o.Queue.Lose(queue.Loss{Stream: p.of, Seq: p.first.Seq, Count: 1, Reason: queue.Oversize})
	p.drop(1)
	p.begun = false
}

// drop takes n items away.
func (p *packer) drop(n int) {
	p.items = p.items[:copy(p.items, p.items[n:])]
	p.first.Seq += uint64(n)
}

// begin gives the encoder the message's header.
func (p *packer) begin(end bool) {
	p.enc.Begin(payload.Header{Device: p.o.Device, Stream: p.of, Seq: p.first.Seq, Lost: p.lost, End: end})
	p.begun, p.added, p.fits, p.steps = true, 0, 0, 1
}

// maxLosses keeps the loss entries of one message below a step of metering.
const maxLosses = 30

// takeLosses fetches what is to be told of readings given up.
func (p *packer) takeLosses() {
	for len(p.ids) < maxLosses {
		g, ok := p.o.Queue.NextLoss()
		if !ok {
			return
		}
		p.ids = append(p.ids, g.ID)
		p.lost = append(p.lost, payload.Loss{Stream: g.Stream, Seq: g.Seq, Count: g.Count, Span: g.Span, Reason: g.Reason.String()})
	}
}

// finish makes a message of the first n items.
func (p *packer) finish(m *message, n int) {
	end := p.end != (queue.Position{}) && n == len(p.items)
	if !p.begun || end {
		p.begin(end)
		for i := range n {
			p.enc.Add(&p.items[i].item, p.items[i].wall, p.items[i].unsynced)
		}
	}
	p.enc.Truncate(n)
	*m = message{
		payload: append(m.payload[:0], p.enc.Finish()...), losses: append(m.losses[:0], p.ids...),
		start: p.first, stream: p.of, readings: n, ends: end,
	}
	switch {
	case end:
		m.stop, p.end = p.end, queue.Position{}
	case n > 0:
		m.stop = queue.Position{Epoch: p.first.Epoch, Seq: p.first.Seq + uint64(n)}
	}
	p.drop(n)
	p.begun, p.added, p.fits = false, 0, 0
	p.lost, p.ids = p.lost[:0], p.ids[:0]
}
