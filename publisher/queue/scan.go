package queue

import (
	"errors"
	"io"
)

// scanBuffer is what one read of a segment fetches, in bytes.
const scanBuffer = 64 << 10

// scanner walks the frames of one segment. Damage never stops it: a frame with a good header and bad contents is stepped over,
// and where no header stands, the next one is looked for at every eighth byte (frames are padded to 8). Each byte is looked at
// a bounded number of times, whatever the file holds.
type scanner struct {
	f    io.ReaderAt
	salt uint32
	off  int64 // the next byte to look at
	end  int64 // nothing is read from here on
	bad  int64 // bytes passed over that were neither a frame nor zero

	buf    []byte // a window of the file
	bufOff int64
}

func (s *scanner) reset(f io.ReaderAt, salt uint32, off, end int64) {
	s.f, s.salt, s.off, s.end, s.bad = f, salt, off, end, 0
	s.buf = s.buf[:0]
}

// window returns n bytes at off, fewer at the end of the file. The slice is valid until the next call.
func (s *scanner) window(off int64, n int) ([]byte, error) {
	if off >= s.bufOff && off+int64(n) <= s.bufOff+int64(len(s.buf)) {
		return s.buf[off-s.bufOff:][:n], nil
	}
	size := int(min(int64(max(n, scanBuffer)), s.end-off))
	if cap(s.buf) < size {
		s.buf = make([]byte, 0, size)
	}
	got, err := s.f.ReadAt(s.buf[:size], off)
	s.buf, s.bufOff = s.buf[:got], off
	if got >= n || errors.Is(err, io.EOF) || err == nil {
		return s.buf[:min(n, got)], nil
	}
	return nil, err
}

// next finds the next sound frame. It returns false at the end; an error is one of reading, and the same call may be made again.
func (s *scanner) next(f *frame) (bool, error) {
	for s.off+frameLen <= s.end {
		b, err := s.window(s.off, frameLen)
		if err != nil {
			return false, err
		}
		if len(b) < frameLen {
			s.off = s.end
			break
		}
		fr, n, dataSum, ok := parseFrameHeader(b, s.salt)
		if !ok || s.off+frameLen+int64(n) > s.end {
			if le.Uint64(b) != 0 {
				s.bad += 8
			}
			s.off += 8
			continue
		}
		fr.off = s.off
		data, err := s.window(s.off+frameLen, n)
		if err != nil {
			return false, err
		}
		s.off += fr.size
		if len(data) < n || sum(s.salt, data) != dataSum {
			s.bad += fr.size
			continue
		}
		fr.data = data
		*f = fr
		return true, nil
	}
	return false, nil
}
