package clock

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"time"
)

// History knows by how much wall and boot time differed in the last boots, and so repairs the wall times of readings that were
// taken before the clock was set. The zero value knows nothing. It is safe for concurrent use.
type History struct {
	mu    sync.Mutex
	boots []bootOffsets // the latest learned from is last
}

// bootOffsets are the differences that one boot has seen, in the order of time: more than one after a step of the clock.
type bootOffsets struct {
	id   BootID
	list []offset
}

// offset was wall minus boot time while the boot time was between from and to. All in nanoseconds.
type offset struct {
	from, to, diff int64
}

// The limits keep MarshalBinary within 1 KiB: 1 + 12 * (16 + 1) + 32 * 24 = 973 bytes.
const (
	historyVersion = 1
	maxBoots       = 12
	maxOffsets     = 32 // of all boots together
	maxBootOffsets = 8  // of one boot
)

// Learn takes what s says of the boot id, if its time is trusted. changed tells that something new was learned, which is worth
// keeping: a first time in this boot, or a step of 100 ms or more. Smaller differences are the noise of reading two clocks.
func (h *History) Learn(id BootID, s Stamp) (changed bool) {
	if !s.Synced {
		return false
	}
	diff := s.Wall - s.Boot
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.boots, func(b bootOffsets) bool { return b.id == id })
	if i < 0 {
		h.boots = append(h.boots, bootOffsets{id: id})
		i = len(h.boots) - 1
	} else if i < len(h.boots)-1 {
		b := h.boots[i]
		h.boots = append(slices.Delete(h.boots, i, i+1), b)
		i = len(h.boots) - 1
	}
	b := &h.boots[i]
	if n := len(b.list); n > 0 {
		if last := &b.list[n-1]; max(last.diff-diff, diff-last.diff) < stepLimit {
			last.to = max(last.to, s.Boot)
			return false
		}
	}
	b.list = append(b.list, offset{from: s.Boot, to: s.Boot, diff: diff})
	h.trim()
	return true
}

// trim keeps the limits. Of a boot with many steps the first difference stays, as most of what waits for repair is older than
// it; of the boots the latest stay.
func (h *History) trim() {
	last := &h.boots[len(h.boots)-1]
	if len(last.list) > maxBootOffsets {
		last.list = slices.Delete(last.list, 1, 2)
	}
	total := 0
	for _, b := range h.boots {
		total += len(b.list)
	}
	for len(h.boots) > maxBoots || total > maxOffsets {
		total -= len(h.boots[0].list)
		h.boots = slices.Delete(h.boots, 0, 1)
	}
}

// Resolve returns the wall time of a stamp from any boot, in nanoseconds, and whether it can be trusted. A trusted one is left as
// it is. Otherwise it is worked out from the boot time if that boot is known, by the difference that held nearest to it, and is
// as coarse as the stamp was (milliseconds or microseconds); else it stays what it was, untrusted.
func (h *History) Resolve(boot BootID, bootNs, wallNs int64, synced bool) (wall int64, trusted bool) {
	if synced {
		return wallNs, true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.boots {
		if b.id != boot {
			continue
		}
		best := b.list[0]
		for _, o := range b.list[1:] {
			if o.distance(bootNs) < best.distance(bootNs) {
				best = o
			}
		}
		wall = bootNs + best.diff
		return wall - wall%grain(wallNs), true
	}
	return wallNs, false
}

// distance is how far boot lies from the time during which o held.
func (o offset) distance(boot int64) int64 { return max(o.from-boot, boot-o.to, 0) }

// grain returns the largest of 1 ms, 1 µs and 1 ns that divides t.
func grain(t int64) int64 {
	for _, g := range []int64{int64(time.Millisecond), int64(time.Microsecond)} {
		if t%g == 0 {
			return g
		}
	}
	return 1
}

// MarshalBinary returns what is known, in at most 1 KiB, integers little-endian: a version byte, 1, and for each boot its id of 16
// bytes, the number of its differences (one byte), and for each from, to and difference (three int64).
func (h *History) MarshalBinary() ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	data := []byte{historyVersion}
	for _, b := range h.boots {
		data = append(data, b.id[:]...)
		data = append(data, byte(len(b.list)))
		for _, o := range b.list {
			for _, v := range [...]int64{o.from, o.to, o.diff} {
				data = binary.LittleEndian.AppendUint64(data, uint64(v))
			}
		}
	}
	return data, nil
}

// errHistory is what UnmarshalBinary returns for bytes that MarshalBinary did not write.
var errHistory = errors.New("clock history: damaged or of another version")

// UnmarshalBinary replaces what is known by what data says; no data is an empty history. On an error h stays as it was.
func (h *History) UnmarshalBinary(data []byte) error {
	var boots []bootOffsets
	total := 0
	if len(data) > 0 {
		if data[0] != historyVersion {
			return errHistory
		}
		data = data[1:]
	}
	for len(data) > 0 {
		var b bootOffsets
		if len(data) < len(b.id)+1 {
			return errHistory
		}
		n := copy(b.id[:], data)
		count := int(data[n])
		data = data[n+1:]
		if total += count; count < 1 || count > maxBootOffsets || total > maxOffsets || len(boots) == maxBoots || len(data) < 24*count {
			return errHistory
		}
		for range count {
			o := offset{from: next(&data), to: next(&data), diff: next(&data)}
			if o.from < 0 || o.to < o.from {
				return errHistory
			}
			b.list = append(b.list, o)
		}
		boots = append(boots, b)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.boots = boots
	return nil
}

func next(data *[]byte) int64 {
	v := int64(binary.LittleEndian.Uint64(*data))
	*data = (*data)[8:]
	return v
}
