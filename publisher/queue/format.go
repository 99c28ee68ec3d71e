package queue

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// Sizes of the layout in doc.go, in bytes.
const (
	headerLen = 80
	frameLen  = 40
	pageLen   = 4096

	// MaxBlock is the longest Data that Append takes: half of the smallest segment, so that rolling wastes little.
	MaxBlock = 64 << 10
)

const (
	lockName  = "LOCK"
	stateName = "state"
	stateTemp = "state.new"
	segSuffix = ".seg"
	tmpSuffix = ".tmp"
	badName   = "segment.bad"
)

const (
	segMagic   = "PINHSEG"
	segVersion = 1
	frameMagic = 0xB10C
	frameData  = 1
	frameEnd   = 2
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian
)

// sum is CRC-32C seeded with the segment's salt, so that a stale block of another file never looks valid.
func sum(salt uint32, b []byte) uint32 { return crc32.Update(salt, castagnoli, b) }

func pad8(n int) int { return (n + 7) &^ 7 }

func roundPage(n int64) int64 { return (n + pageLen - 1) &^ (pageLen - 1) }

func segName(ordinal uint64) string { return fmt.Sprintf("%016x%s", ordinal, segSuffix) }

// parseSegName returns the ordinal of a segment's file name; only the one canonical spelling counts.
func parseSegName(name string) (uint64, bool) {
	hex, ok := strings.CutSuffix(name, segSuffix)
	if !ok || len(hex) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(hex, 16, 64)
	return n, err == nil && segName(n) == name
}

// segHeader is the first headerLen bytes of a segment.
type segHeader struct {
	ordinal uint64
	stream  Stream
	epoch   uint32
	salt    uint32
	base    uint64 // the lowest number that the file may hold
	created int64  // wall time, nanoseconds since 1970; for people only
	records uint64 // readings in a thinned file; 0 in an ordinary one
	level   uint8  // how often it was thinned
}

func (h *segHeader) append(dst []byte) []byte {
	n := len(dst)
	dst = append(dst, segMagic...)
	dst = append(dst, segVersion)
	dst = le.AppendUint64(dst, h.ordinal)
	dst = append(dst, h.stream[:]...)
	dst = le.AppendUint32(dst, h.epoch)
	dst = le.AppendUint32(dst, h.salt)
	dst = le.AppendUint64(dst, h.base)
	dst = le.AppendUint64(dst, uint64(h.created))
	dst = le.AppendUint64(dst, h.records)
	dst = append(dst, h.level, 0, 0, 0)
	dst = append(dst, make([]byte, headerLen-4-(len(dst)-n))...)
	return le.AppendUint32(dst, sum(0, dst[n:]))
}

// verdict is what a segment's first bytes turned out to be.
type verdict int

const (
	valid   verdict = iota
	damaged         // not a header, or its checksum is wrong
	empty           // never written: a crash between creating the file and the first write
	newer           // of a later version of this program
)

func parseHeader(b []byte) (segHeader, verdict) {
	var h segHeader
	if len(bytes.TrimLeft(b, "\x00")) == 0 {
		return h, empty
	}
	if len(b) < headerLen || string(b[:7]) != segMagic || le.Uint32(b[headerLen-4:]) != sum(0, b[:headerLen-4]) {
		return h, damaged
	}
	if b[7] != segVersion {
		return h, newer
	}
	h.ordinal = le.Uint64(b[8:])
	copy(h.stream[:], b[16:])
	h.epoch = le.Uint32(b[32:])
	h.salt = le.Uint32(b[36:])
	h.base = le.Uint64(b[40:])
	h.created = int64(le.Uint64(b[48:]))
	h.records = le.Uint64(b[56:])
	h.level = b[64]
	return h, valid
}

// frame is one block in a segment.
type frame struct {
	off   int64 // of its header in the file
	size  int64 // with header and padding
	seq   uint64
	count uint32
	floor Position // everything below it was settled when the frame was written
	end   bool
	data  []byte // valid until the scanner moves on
}

// stop is the position after the frame.
func (f *frame) stop(epoch uint32) Position {
	if f.end {
		return Position{Epoch: epoch + 1}
	}
	return Position{Epoch: epoch, Seq: f.seq + uint64(f.count)}
}

func appendFrame(dst []byte, salt uint32, floor Position, seq uint64, count uint32, end bool, data []byte) []byte {
	typ := byte(frameData)
	if end {
		typ = frameEnd
	}
	n := len(dst)
	dst = le.AppendUint16(dst, frameMagic)
	dst = append(dst, typ, 0)
	dst = le.AppendUint32(dst, uint32(len(data)))
	dst = le.AppendUint64(dst, seq)
	dst = le.AppendUint64(dst, floor.Seq)
	dst = le.AppendUint32(dst, count)
	dst = le.AppendUint32(dst, floor.Epoch)
	dst = le.AppendUint32(dst, sum(salt, data))
	dst = le.AppendUint32(dst, sum(salt, dst[n:]))
	dst = append(dst, data...)
	for len(dst)&7 != n&7 {
		dst = append(dst, 0)
	}
	return dst
}

// parseFrameHeader reads the frameLen bytes at b. It reports false unless every field is one that appendFrame can have written.
func parseFrameHeader(b []byte, salt uint32) (f frame, dataLen int, dataSum uint32, ok bool) {
	if le.Uint16(b) != frameMagic || le.Uint32(b[36:]) != sum(salt, b[:36]) {
		return f, 0, 0, false
	}
	n := le.Uint32(b[4:])
	f.seq, f.count = le.Uint64(b[8:]), le.Uint32(b[24:])
	f.floor = Position{Epoch: le.Uint32(b[28:]), Seq: le.Uint64(b[16:])}
	f.end = b[2] == frameEnd
	switch {
	case b[2] != frameData && b[2] != frameEnd, b[3] != 0, n > MaxBlock, f.end != (f.count == 0), f.end && n != 0,
		f.seq+uint64(f.count) < f.seq:
		return f, 0, 0, false
	}
	f.size = int64(frameLen + pad8(int(n)))
	return f, int(n), le.Uint32(b[32:]), true
}
