package queue

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
)

// The state file: two slots, written in turn.
const (
	slotLen      = 32 << 10
	stateLen     = 2 * slotLen
	stateMagic   = "PINHSTA\x01"
	stateHeadLen = 48
	stateLossLen = 48

	// MaxMeta is the most that SetMeta keeps, in bytes.
	MaxMeta = 1 << 10

	// maxLosses entries fit into a slot beside the meta bytes.
	maxLosses = 640
)

// snapshot is what one slot holds.
type snapshot struct {
	gen    uint64
	cursor Position
	losses []lossEntry
	meta   []byte
}

func (s *snapshot) append(dst []byte) []byte {
	n := len(dst)
	dst = append(dst, stateMagic...)
	dst = le.AppendUint64(dst, s.gen)
	dst = le.AppendUint64(dst, s.cursor.Seq)
	dst = le.AppendUint32(dst, s.cursor.Epoch)
	dst = le.AppendUint32(dst, uint32(len(s.losses)))
	dst = le.AppendUint32(dst, uint32(len(s.meta)))
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = le.AppendUint32(dst, sum(0, dst[n:]))
	for i := range s.losses {
		e := &s.losses[i]
		dst = append(dst, e.Stream[:]...)
		dst = le.AppendUint32(dst, e.epoch)
		settled := byte(0)
		if e.settled {
			settled = 1
		}
		dst = append(dst, byte(e.Reason), settled, 0, 0)
		dst = le.AppendUint64(dst, e.Seq)
		dst = le.AppendUint64(dst, e.Count)
		dst = le.AppendUint64(dst, e.Span)
	}
	dst = append(dst, s.meta...)
	return le.AppendUint32(dst, sum(0, dst[n:]))
}

// parseSlot reads one slot. Nothing is allocated before the header's own checksum was found good.
func parseSlot(b []byte) (snapshot, bool) {
	var s snapshot
	if len(b) < stateHeadLen || string(b[:8]) != stateMagic || le.Uint32(b[44:]) != sum(0, b[:44]) {
		return s, false
	}
	losses, meta := int(le.Uint32(b[28:])), int(le.Uint32(b[32:]))
	if losses > maxLosses || meta > MaxMeta {
		return s, false
	}
	n := stateHeadLen + losses*stateLossLen + meta
	if len(b) < n+4 || le.Uint32(b[n:]) != sum(0, b[:n]) {
		return s, false
	}
	s.gen = le.Uint64(b[8:])
	s.cursor = Position{Epoch: le.Uint32(b[24:]), Seq: le.Uint64(b[16:])}
	for p := b[stateHeadLen : n-meta]; len(p) > 0; p = p[stateLossLen:] {
		e := lossEntry{epoch: le.Uint32(p[16:]), settled: p[21] != 0, durable: true}
		copy(e.Stream[:], p)
		e.Reason, e.Seq, e.Count, e.Span = Reason(p[20]), le.Uint64(p[24:]), le.Uint64(p[32:]), le.Uint64(p[40:])
		s.losses = append(s.losses, e)
	}
	s.meta = bytes.Clone(b[n-meta : n])
	return s, true
}

// loadState returns the newer of the sound slots; found is false when there is none. A state that cannot be read is treated as
// absent: what follows are repeats, never losses.
func loadState(dir FS) (s snapshot, found bool) {
	f, err := dir.Open(stateName)
	if err != nil {
		return s, false
	}
	defer f.Close()
	buf := make([]byte, slotLen)
	for i := range 2 {
		n, err := f.ReadAt(buf, int64(i)*slotLen)
		if err != nil && !errors.Is(err, io.EOF) {
			continue
		}
		if t, ok := parseSlot(buf[:n]); ok && (!found || t.gen > s.gen) {
			s, found = t, true
		}
	}
	return s, found
}

// stateFile writes slots. After a failed write or sync it never touches the same file again: a kernel that failed to write
// pages forgets that they were dirty, and a second fsync that succeeds proves nothing.
type stateFile struct {
	f       File
	gen     uint64
	made    bool // this run made or opened the file
	written func(off, n int64)
}

// save makes s durable. It sets s.gen.
func (sf *stateFile) save(dir FS, s *snapshot, buf []byte) ([]byte, error) {
	sf.gen++
	s.gen = sf.gen
	buf = s.append(buf[:0])
	off := int64(sf.gen&1) * slotLen
	if sf.f == nil && !sf.made {
		if f, err := dir.Edit(stateName); err == nil {
			sf.f, sf.made = f, true
		}
	}
	if sf.f == nil {
		return buf, sf.renew(dir, buf, off)
	}
	_, err := sf.f.WriteAt(buf, off)
	if err == nil {
		sf.written(off, int64(len(buf)))
		err = sf.f.Sync()
	}
	if err != nil {
		sf.f.Close()
		sf.f = nil
	}
	return buf, err
}

// renew writes a whole new file and puts it in the old one's place.
func (sf *stateFile) renew(dir FS, slot []byte, off int64) error {
	if err := dir.Remove(stateTemp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := dir.Create(stateTemp)
	if err != nil {
		return err
	}
	err = f.Allocate(stateLen)
	if err == nil {
		_, err = f.WriteAt(slot, off)
	}
	if err == nil {
		sf.written(off, int64(len(slot)))
		err = f.Sync()
	}
	if err == nil {
		err = dir.Rename(stateTemp, stateName)
	}
	if err == nil {
		err = dir.Sync()
	}
	if err != nil {
		f.Close()
		dir.Remove(stateTemp)
		return err
	}
	sf.f, sf.made = f, true
	return nil
}

func (sf *stateFile) close() {
	if sf.f != nil {
		sf.f.Close()
		sf.f = nil
	}
}
