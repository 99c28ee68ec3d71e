package sensirion_test

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sensirion"
)

// TestSum uses the examples of the datasheets: SHT3x and SGP30 chapter "Checksum Calculation", SCD4x the examples of
// read_measurement, get_serial_number and get_data_ready_status, SHT2x application note "CRC Checksum Calculation".
func TestSum(t *testing.T) {
	for _, tt := range []struct {
		start byte
		p     []byte
		want  byte
	}{
		{0xFF, []byte{0xBE, 0xEF}, 0x92},
		{0xFF, []byte{0x00, 0x00}, 0x81},
		{0xFF, []byte{0x01, 0xF4}, 0x33},
		{0xFF, []byte{0x66, 0x67}, 0xA2},
		{0xFF, []byte{0x5E, 0xB9}, 0x3C},
		{0xFF, []byte{0xF8, 0x96}, 0x31},
		{0xFF, []byte{0x9F, 0x07}, 0xC2},
		{0xFF, []byte{0x3B, 0xBE}, 0x89},
		{0xFF, []byte{0x80, 0x00}, 0xA2},
		{0x00, []byte{0xDC}, 0x79},
		{0x00, []byte{0x68, 0x3A}, 0x7C},
		{0x00, []byte{0x4E, 0x85}, 0x6B},
		{0xFF, nil, 0xFF},
	} {
		if got := sensirion.Sum(tt.start, tt.p); got != tt.want {
			t.Errorf("Sum(%#x, % x) = %#x, want %#x", tt.start, tt.p, got, tt.want)
		}
	}
}

// script is a bus with one part that notes what is written and answers from a list.
type script struct {
	kind.Board
	wrote  [][]byte
	answer []byte
	err    error
}

func (s *script) I2C(string) (i2c.Bus, error)     { return s, nil }
func (s *script) String() string                  { return "script" }
func (s *script) SetSpeed(physic.Frequency) error { return nil }
func (s *script) Tx(addr uint16, w, r []byte) error {
	if addr != 0x44 {
		return syscall.EREMOTEIO
	}
	if len(w) > 0 && len(r) > 0 {
		return errors.New("a repeated start")
	}
	if len(w) > 0 {
		s.wrote = append(s.wrote, slices.Clone(w))
	}
	if len(r) > 0 {
		copy(r, s.answer)
		return s.err
	}
	return nil
}

func open(t testing.TB, s *script) *sensirion.Port {
	part, err := kind.OpenPart(s, "part", kind.Params{"bus": int64(1), "address": int64(0x44)})
	if err != nil {
		t.Fatal(err)
	}
	return &sensirion.Port{Part: part}
}

func TestPort(t *testing.T) {
	s := &script{answer: []byte{0xBE, 0xEF, 0x92, 0x00, 0x00, 0x81}}
	p := open(t, s)
	words := make([]uint16, 2)
	if err := p.Ask(t.Context(), "ask", 0x2416, time.Microsecond, words); err != nil || words[0] != 0xBEEF || words[1] != 0 {
		t.Errorf("%04x, %v", words, err)
	}
	if err := p.Send(t.Context(), "send", 0x0010, 500); err != nil {
		t.Error(err)
	}
	if err := p.SendByte(t.Context(), "send", 0xFD); err != nil {
		t.Error(err)
	}
	want := [][]byte{{0x24, 0x16}, {0x00, 0x10, 0x01, 0xF4, 0x33}, {0xFD}}
	if !slices.EqualFunc(s.wrote, want, slices.Equal) {
		t.Errorf("wrote % x, want % x", s.wrote, want)
	}
	for _, tt := range []struct {
		answer []byte
		err    error
		class  sensors.Class
		want   string
	}{
		{[]byte{0xBE, 0xEF, 0x92, 0x00, 0x00, 0x80}, nil, sensors.CRC,
			"part at i2c-1/0x44: ask: checksum 0x80 behind 00 00, should be 0x81"},
		{[]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, nil, sensors.CRC,
			"part at i2c-1/0x44: ask: checksum 0xff behind ff ff, should be 0xac"},
		{nil, syscall.EREMOTEIO, sensors.NAK, "part at i2c-1/0x44: ask: the part has no data: remote I/O error"},
		{nil, syscall.ENXIO, sensors.NAK, "part at i2c-1/0x44: ask: the part has no data: no such device or address"},
		{nil, syscall.ETIMEDOUT, sensors.Timeout, "part at i2c-1/0x44: ask: connection timed out"},
	} {
		s.answer, s.err = tt.answer, tt.err
		err := p.Read(t.Context(), "ask", words)
		if sensors.ClassOf(err) != tt.class || err.Error() != tt.want || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("class %s, %v\nwant  %s, %s", sensors.ClassOf(err), err, tt.class, tt.want)
		}
	}
}

// FuzzRead: a word gets through only with its checksum.
func FuzzRead(f *testing.F) {
	f.Add([]byte{0xBE, 0xEF, 0x92}, uint8(1))
	f.Add([]byte{0x01, 0xF4, 0x33, 0x66, 0x67, 0xA2, 0x5E, 0xB9, 0x3C}, uint8(3))
	f.Add([]byte{}, uint8(6))
	f.Fuzz(func(t *testing.T, answer []byte, n uint8) {
		words := make([]uint16, n%(sensirion.MaxWords+1))
		raw := make([]byte, 3*len(words))
		copy(raw, answer)
		good := true
		for i := range words {
			good = good && sensirion.Sum(0xFF, raw[3*i:3*i+3]) == 0 // a sum that runs on over itself ends at zero
		}
		p := open(t, &script{answer: raw})
		if err := p.Read(t.Context(), "read", words); good != (err == nil) {
			t.Fatalf("% x: %v", raw, err)
		}
		for i, w := range words {
			if good && w != uint16(raw[3*i])<<8|uint16(raw[3*i+1]) {
				t.Errorf("% x became %04x", raw, words)
			}
		}
	})
}
