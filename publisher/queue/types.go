package queue

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"
)

// Stream names one run of the agent: a UUIDv7. Its numbers start at 0.
type Stream [16]byte

// Position is a place in the total order over all streams of a folder: everything below it comes earlier. Epoch is the number
// of the run in this folder, from 1 on; it is 0 while no folder could be read (see doc.go).
type Position struct {
	Epoch uint32
	Seq   uint64
}

// Compare orders positions, as package cmp does.
func (p Position) Compare(o Position) int {
	return cmp.Or(cmp.Compare(p.Epoch, o.Epoch), cmp.Compare(p.Seq, o.Seq))
}

// Less reports whether p comes before o.
func (p Position) Less(o Position) bool { return p.Compare(o) < 0 }

func later(a, b Position) Position {
	if a.Less(b) {
		return b
	}
	return a
}

// Block is Count readings with the consecutive numbers Seq to Seq+Count-1 of one stream. Data is opaque to the queue.
type Block struct {
	Epoch  uint32
	Stream Stream
	Seq    uint64
	Count  int
	Skip   int    // the first Skip readings are settled already: an Ack ended inside of the block
	Data   []byte // not to be changed; valid until the next call of Next or Rewind
	End    bool   // the stream ended cleanly here: Count is 0 and Seq the number that would have come next
	Born   time.Time
}

// Pos is where the block begins.
func (b *Block) Pos() Position { return Position{b.Epoch, b.Seq} }

// Stop is what to Ack once the whole block is settled: the position after its last reading. That of an End block lies in the
// next epoch, so that an acknowledged end differs from an acknowledged last reading.
func (b *Block) Stop() Position {
	if b.End {
		return Position{Epoch: b.Epoch + 1}
	}
	return Position{b.Epoch, b.Seq + uint64(b.Count)}
}

// Reason says why readings were given up.
type Reason uint8

// The reasons.
const (
	QueueFull Reason = iota // the folder, or the memory while there is no folder, was full
	Thinned                 // the folder was full and every other block went
	Corrupt                 // the card gave back something else than was written, or nothing
	Oversize                // no message, or no block, can hold it
	Rejected                // the broker refused it
	reasons
)

var reasonNames = [reasons]string{"queue_full", "thinned", "corrupt", "oversize", "rejected"}

func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Loss is readings that were given up: Count numbers from Seq on, or, where Span is not 0, Count of the Span numbers from Seq
// on (those of the Span that arrive are the others).
type Loss struct {
	Stream Stream
	Seq    uint64
	Count  uint64
	Span   uint64
	Reason Reason
}

// width is how many numbers the loss reaches over.
func (l *Loss) width() uint64 { return max(l.Count, l.Span) }

// Policy is what gives way when there is no more room.
type Policy uint8

// The policies.
const (
	DropOldest Policy = iota // the oldest segment goes
	DropNewest               // new blocks are refused
	Thin                     // every other block of the oldest, least thinned segment goes; when nothing can be thinned, the oldest segment
)

// Options describe a queue. Dir, Max and Stream must be set.
type Options struct {
	Dir          string // the folder; made if it is missing
	Max          int64  // bytes that the folder may hold, with everything in it; MinMax at least
	WhenFull     Policy
	Sync         time.Duration // age at which an unsettled block goes to disk; 0: on disk before Next shows it
	Stream       Stream        // this run
	SegmentBytes int64         // 0: the smaller of 4 MiB (one allocation unit of an SD card) and Max/8
	MemoryBytes  int64         // what may wait in memory while the disk does not take it; 0: 8 MiB
	FS           FS            // nil: Dir(Options.Dir)
	Log          *slog.Logger  // nil: none
}

// MinMax is the smallest Options.Max, in bytes.
const MinMax = 1 << 20

const (
	segmentMax     = 4 << 20
	memoryDefault  = 8 << 20
	flushBytes     = 256 << 10 // pending bytes at which a flush does not wait for its time; also the longest single write
	keepBytes      = 512 << 10 // blocks that are on disk but are kept in memory too, for the reader
	entryCost      = 96        // bookkeeping of a block in memory, about
	dirReserve     = 16 << 10  // the folder's own blocks
	stateInterval  = time.Minute
	stateAcks      = 1000
	probeInterval  = time.Minute
	fullInterval   = 5 * time.Second
	roomInterval   = time.Second
	failuresInARow = 3
	readRetry      = time.Second
	readTries      = 3
)

func (o *Options) check() error {
	switch {
	case o.Dir == "" && o.FS == nil:
		return fmt.Errorf("queue: open: no folder")
	case o.Max < MinMax:
		return fmt.Errorf("queue: open %s: max %d bytes is below %d", o.Dir, o.Max, MinMax)
	case o.Sync < 0:
		return fmt.Errorf("queue: open %s: sync %v is negative", o.Dir, o.Sync)
	case o.WhenFull > Thin:
		return fmt.Errorf("queue: open %s: unknown policy %d", o.Dir, o.WhenFull)
	case o.Stream == Stream{}:
		return fmt.Errorf("queue: open %s: no stream", o.Dir)
	case o.MemoryBytes < 0:
		return fmt.Errorf("queue: open %s: memory of %d bytes is negative", o.Dir, o.MemoryBytes)
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = min(segmentMax, o.Max/8)
	}
	if o.SegmentBytes < 2*MaxBlock || o.SegmentBytes > o.Max/8 {
		return fmt.Errorf("queue: open %s: segments of %d bytes; %d to %d are possible", o.Dir, o.SegmentBytes, 2*MaxBlock, o.Max/8)
	}
	o.SegmentBytes &^= pageLen - 1
	if o.MemoryBytes == 0 {
		o.MemoryBytes = memoryDefault
	}
	if o.FS == nil {
		o.FS = Dir(o.Dir)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Disk is what the queue thinks of its disk.
type Disk uint8

// The states of the disk.
const (
	DiskOK     Disk = iota
	DiskFull        // the folder's limit or the file system's end is reached, and nothing gives way
	DiskFailed      // it cannot be read, or writes failed three times in a row; new blocks stay in memory
)

func (d Disk) String() string { return [...]string{"ok", "full", "failed"}[d] }

// Stats is a snapshot of a queue.
type Stats struct {
	Readings  uint64    // not settled yet; of earlier runs an estimate from the numbers at segment borders
	Bytes     int64     // the folder's files, as they count against Max
	Memory    int64     // bytes of blocks in memory
	Oldest    time.Time // when the oldest unsettled block was made, zero if there is none; from disk: when its file was made, by the clock of then
	Appended  uint64    // readings of this run
	Acked     uint64    // readings of this run that are settled
	Elided    uint64    // readings settled before they were ever written
	Lost      [reasons]uint64
	Forgotten uint64 // loss entries discarded because more than maxLosses waited
	Syncs     uint64
	SyncFails uint64
	Written   uint64 // bytes handed to the disk, in whole 4 KiB pages, without the file system's own
	Segments  int
	Disk      Disk
	Why       string // the reason while Disk is not DiskOK
}
