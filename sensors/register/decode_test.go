package register

import (
	"encoding/binary"
	"math"
	"math/big"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/register/chips"
)

func TestExtract(t *testing.T) {
	b := []byte{0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE, 0xF0, 0x0F}
	for _, tt := range []struct {
		bit, width int
		want       uint64
	}{
		{0, 8, 0x12}, {0, 1, 0}, {3, 1, 1}, {4, 8, 0x23}, {0, 12, 0x123}, {12, 20, 0x45678}, {28, 20, 0x89ABC}, {0, 64, 0x123456789ABCDEF0},
		{8, 64, 0x3456789ABCDEF00F}, {71, 1, 1}, {7, 2, 0}, {1, 3, 1},
	} {
		if got := extract(b, tt.bit, tt.width); got != tt.want {
			t.Errorf("%d bits from %d are %#x, want %#x", tt.width, tt.bit, got, tt.want)
		}
	}
}

func TestOrders(t *testing.T) {
	wire := map[string][]byte{
		chips.Big: {0x41, 0x48, 0, 0}, chips.Little: {0, 0, 0x48, 0x41}, chips.BADC: {0x48, 0x41, 0, 0}, chips.CDAB: {0, 0, 0x41, 0x48},
	}
	for order, b := range wire {
		f := &chips.Field{Bits: 32, Word: 4, Type: chips.Float32, Order: order, Scale: 1, Divisor: 1, Min: -100, Max: 100, Decimals: -1}
		if got, fault := convert(f, raw(f, b)); fault != nil || got != 12.5 {
			t.Errorf("%s: % x is %v, %v; want 12.5", order, b, got, fault)
		}
	}
	// 12 bits at the lower end of a little-endian word of 16.
	f := &chips.Field{Bit: 8, Within: 4, Bits: 12, Word: 2, Order: chips.Little}
	if got := raw(f, []byte{0, 0xCD, 0xAB}); got != 0xBCD {
		t.Errorf("12 bits of abcd are %#x", got)
	}
}

func TestTypes(t *testing.T) {
	for _, tt := range []struct {
		kind string
		bits int
		raw  uint64
		want float64
		ok   bool
	}{
		{chips.Unsigned, 16, 0xFFFF, 65535, true}, {chips.Unsigned, 1, 1, 1, true}, {chips.Unsigned, 53, 1<<53 - 1, 1<<53 - 1, true},
		{chips.Signed, 16, 0x8000, -32768, true}, {chips.Signed, 16, 0x7FFF, 32767, true}, {chips.Signed, 13, 0x1FFF, -1, true}, {chips.Signed, 2, 2, -2, true},
		{chips.Signed, 24, 0x800000, -1 << 23, true}, {chips.SignMagnitude, 16, 0x8065, -101, true}, {chips.SignMagnitude, 16, 0x0065, 101, true},
		{chips.SignMagnitude, 16, 0x8000, 0, true}, {chips.BCD, 16, 0x1234, 1234, true}, {chips.BCD, 8, 0x99, 99, true}, {chips.BCD, 8, 0x1A, 0, false},
		{chips.Float32, 32, 0x7FC00000, 0, false}, {chips.Float32, 32, 0x7F800000, 0, false}, {chips.Float32, 32, 0xC1200000, -10, true},
	} {
		got, ok := number(&chips.Field{Type: tt.kind, Bits: tt.bits}, tt.raw)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s of %d bits: %#x is %v, %v; want %v, %v", tt.kind, tt.bits, tt.raw, got, ok, tt.want, tt.ok)
		}
	}
}

func TestFormula(t *testing.T) {
	f := &chips.Field{Scale: 2, Divisor: 4, Offset: 1, Polynomial: []float64{1, 2, 3, 0, 0.5}, Min: -1e9, Max: 1e9, Decimals: -1, Bits: 16, Type: chips.Unsigned}
	if got, _ := convert(f, 6); got != 1+2*4+3*16+0.5*256 { // 6*2/4+1 = 4
		t.Errorf("polynomial: %v", got)
	}
	f = &chips.Field{Scale: 0.1, Divisor: 1, Min: -100, Max: 100, Decimals: 1, Bits: 16, Type: chips.Signed}
	if got, _ := convert(f, 3); got != 0.3 {
		t.Errorf("rounded: %v", got)
	}
	f.Offset = -0.01
	if got, _ := convert(f, 0); got != 0 || math.Signbit(got) {
		t.Errorf("minus zero: %v", got)
	}
}

// TestChecksums: the check values of the catalogue, the sum of "123456789".
func TestChecksums(t *testing.T) {
	for _, tt := range []struct {
		name string
		crc  chips.CRC
		want uint16
	}{
		{"CRC-8/SMBUS", chips.CRC{Bits: 8, Polynomial: 0x07}, 0xF4},
		{"CRC-8/NRSC-5", chips.CRC{Bits: 8, Polynomial: 0x31, Init: 0xFF}, 0xF7},
		{"CRC-8/MAXIM-DOW", chips.CRC{Bits: 8, Polynomial: 0x31, Reflected: true}, 0xA1},
		{"CRC-8/ROHC", chips.CRC{Bits: 8, Polynomial: 0x07, Init: 0xFF, Reflected: true}, 0xD0},
		{"CRC-8/I-432-1", chips.CRC{Bits: 8, Polynomial: 0x07, Xor: 0x55}, 0xA1},
		{"CRC-16/MODBUS", chips.CRC{Bits: 16, Polynomial: 0x8005, Init: 0xFFFF, Reflected: true}, 0x4B37},
		{"CRC-16/IBM-3740", chips.CRC{Bits: 16, Polynomial: 0x1021, Init: 0xFFFF}, 0x29B1},
		{"CRC-16/XMODEM", chips.CRC{Bits: 16, Polynomial: 0x1021}, 0x31C3},
		{"CRC-16/IBM-SDLC", chips.CRC{Bits: 16, Polynomial: 0x1021, Init: 0xFFFF, Xor: 0xFFFF, Reflected: true}, 0x906E},
	} {
		if got := finish(&tt.crc, sum(&tt.crc, tt.crc.Init, []byte("123456789"))); got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.name, got, tt.want)
		}
	}
}

func TestStrip(t *testing.T) {
	c := &chips.CRC{Bits: 8, Polynomial: 0x31, Init: 0xFF, Group: 2} // Sensirion's words, from the SCD4x datasheet
	b := []byte{0x01, 0xF4, 0x33, 0x66, 0x67, 0xA2, 0x5E, 0xB9, 0x3C}
	if _, _, _, ok := strip(c, nil, b, 6); !ok || string(b[:6]) != "\x01\xF4\x66\x67\x5E\xB9" {
		t.Errorf("%v, % x", ok, b)
	}
	b = []byte{0x01, 0xF4, 0x33, 0x66, 0x67, 0xA3}
	if at, got, want, ok := strip(c, nil, b, 4); ok || at != 2 || got != 0xA3 || want != 0xA2 {
		t.Errorf("at %d: %#x, %#x, %v", at, got, want, ok)
	}
	c = &chips.CRC{Bits: 16, Polynomial: 0x8005, Init: 0xFFFF, Reflected: true, Little: true, Group: 2}
	b = binary.LittleEndian.AppendUint16([]byte{0x01, 0x04}, finish(c, sum(c, c.Init, []byte{0x01, 0x04})))
	if _, _, _, ok := strip(c, nil, b, 2); !ok {
		t.Errorf("% x", b)
	}
	// A read of a word with its packet error code, the example of MLX90614's datasheet: 5A 07 -> D2 3A, PEC 30.
	c = &chips.CRC{Bits: 8, Polynomial: 0x07, Group: 2, CoversAddresses: true}
	o := answer(&chips.Read{At: chips.Register{Number: 7, Bytes: 1}, Bytes: 2, CRC: c}, 0x5A)
	if _, got, want, ok := strip(c, o.pec, []byte{0xD2, 0x3A, 0x30}, 2); !ok {
		t.Errorf("MLX90614's example: %#x, computed %#x", got, want)
	}
}

// FuzzField compares the field decoder with big integers, and holds conversion to its limits.
func FuzzField(f *testing.F) {
	f.Add([]byte{0x19, 0x00}, uint8(0), uint8(12), uint8(1), 0.0625, 1.0, 0.0)
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, uint8(5), uint8(20), uint8(0), 1.0, 1048576.0, -40.0)
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF}, uint8(0), uint8(32), uint8(3), 1.0, 1.0, 0.0)
	f.Add([]byte{0x80, 0x00}, uint8(0), uint8(16), uint8(2), 1e300, 1e-300, math.MaxFloat64)
	types := []string{chips.Unsigned, chips.Signed, chips.SignMagnitude, chips.Float32, chips.BCD}
	f.Fuzz(func(t *testing.T, b []byte, bit, width, kind uint8, scale, divisor, offset float64) {
		w, at := int(width%53)+1, int(bit)
		name := types[int(kind)%len(types)]
		if name == chips.Float32 {
			w = 32
		}
		if len(b) > 64 || at+w > 8*len(b) || at%8+w > 64 || name == chips.Signed && w < 2 || name == chips.SignMagnitude && w < 2 {
			return
		}
		field := &chips.Field{Quantity: sensors.Raw, Bit: at, Bits: w, Type: name, Order: chips.Big, Scale: scale, Divisor: divisor, Offset: offset,
			Min: -1000, Max: 1000, Decimals: -1}
		x := new(big.Int).SetBytes(b)
		x.Rsh(x, uint(8*len(b)-at-w))
		x.And(x, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(w)), big.NewInt(1)))
		r := raw(field, b)
		if r != x.Uint64() {
			t.Fatalf("%d bits from %d of % x: %#x, want %#x", w, at, b, r, x)
		}
		if name == chips.Signed {
			if x.Bit(w-1) != 0 {
				x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(w)))
			}
			if got, _ := number(field, r); got != float64(x.Int64()) {
				t.Fatalf("%d bits signed: %#x is %v, want %v", w, r, got, x)
			}
		}
		if v, fault := convert(field, r); fault == nil && !(v >= -1000 && v <= 1000) || fault != nil && fault.Error() == "" {
			t.Fatalf("%v, %v", v, fault)
		}
	})
}
