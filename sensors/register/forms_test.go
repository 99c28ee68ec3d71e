package register_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/register"
	"pinhole/sensors/sensorstest"
	"pinhole/sensors/sim"
)

// TestTMP102Modes: the same bits mean twice as much in extended mode, in which the kernel's driver leaves the part. The answer tells
// its mode, and is read by it.
func TestTMP102Modes(t *testing.T) {
	var answer string
	config := []byte{0x60, 0xA0}
	part := scripted(func(w, r []byte) bool {
		switch {
		case w[0] == 1 && len(w) == 3: // it measures at once, but OS reads 0 once
			config = []byte{w[1] & 0x7F, w[2] | 0x10}
		case w[0] == 1:
			copy(r, config)
			config[0] |= 0x80
		default:
			copy(r, answer)
		}
		return true
	})
	k := find(t, "tmp102")
	synctest.Test(t, func(t *testing.T) {
		board := sim.New(sim.Options{})
		board.Plug("1", 0x48, "scripted", part)
		dev, err := k.Open(t.Context(), board, kind.WithDefaults(k.Keys, nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			answer string
			want   float64
			says   string
		}{
			{"\x19\x00", 25, ""}, {"\x0C\x81", 25, ""}, {"\x4B\x01", 150, ""}, {"\xF3\x81", -25, ""}, {"\xE7\x00", -25, ""},
			{"\x19\x02", 0, "read register 0x00: 19 02 has none of the forms that a temperature can have"},
			{"\x0C\x80", 12.5, ""},
		} {
			answer = tt.answer
			list, err := dev.(sensors.Sensor).Sense(t.Context())
			if tt.says != "" {
				if err == nil || !strings.HasSuffix(err.Error(), tt.says) || list != nil {
					t.Errorf("% x: %v, %v, want %s", tt.answer, list, err, tt.says)
				}
			} else if err != nil || len(list) != 1 || list[0].Value != tt.want {
				t.Errorf("% x: %v, %v, want %v", tt.answer, list, err, tt.want)
			}
		}
	})
}

// TestForms puts a part that is in its second mode through the suite.
func TestForms(t *testing.T) {
	const text = `
chip: Moded
init:
  - set: {register: 0x01, bytes: 2, value: 0x8010, verify: true}
measure:
  - twice: true
    reads:
      - register: 0x00
        bytes: 2
        fields:
          - {quantity: temperature, when: {byte: 1, bit: 4, bits: 4, equals: 0}, bits: 12, type: signed, scale: 0.0625, min: -55, max: 127}
          - {quantity: temperature, when: {byte: 1, bit: 5, bits: 3, equals: 1}, bits: 13, type: signed, scale: 0.0625, min: -55, max: 150}
canary: [{register: 0x01, bytes: 2, equals: 0x8010}]
part: {converts: 1ms, other: {register: 0x01, bytes: 2, mask: 0x0010, equals: 0x0010}}
`
	p := define(t, text)
	sensorstest.Run(t, sensorstest.Suite{Kind: find(t, register.Kind), Params: p, Truth: temperatures(-40, 150), Nameless: true,
		Within: map[sensors.Quantity]float64{sensors.Temperature: 0.0313}})
	if list := find(t, register.Kind).Yields(p); len(list) != 1 {
		t.Errorf("yields %v", list)
	}
}

// TestSign: the INA219's power register is a magnitude, computed by the part from its current register (reported for the INA219 and the
// INA226 by their users: power stays positive while current is negative). With the current at the end of its scale, 3.2 A here, power
// is that of 3.2 A however much flows, so it is no value either.
func TestSign(t *testing.T) {
	current := ""
	registers := map[byte]string{0: "\x3E\xE8", 2: "\x5D\xC2", 3: "\x0C\xCC"} // 12 V
	part := scripted(func(w, r []byte) bool {
		if registers[4] = current; len(w) == 3 && (w[0] == 5 || w[0] == 0 && w[1] != 0x80) {
			registers[w[0]] = string(w[1:])
		}
		copy(r, registers[w[0]])
		return true
	})
	k := find(t, "ina219")
	synctest.Test(t, func(t *testing.T) {
		board := sim.New(sim.Options{})
		board.Plug("1", 0x40, "scripted", part)
		dev, err := k.Open(t.Context(), board, kind.WithDefaults(k.Keys, nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			current string
			power   float64
			err     sensors.Class
		}{
			{"\x15\x55", 6.3989, ""}, {"\xEA\xAB", -6.3989, ""}, {"\x00\x00", 6.3989, ""}, {"\x7F\xFF", 0, sensors.Range}, {"\x80\x00", 0, sensors.Range},
		} {
			current = tt.current
			list, err := dev.(sensors.Sensor).Sense(t.Context())
			if err != nil || len(list) != 3 {
				t.Fatalf("% x: %v, %v", tt.current, list, err)
			}
			if p := list[2]; p.Quantity != sensors.Power || p.Value != tt.power || p.Err != tt.err {
				t.Errorf("current % x: %+v, want power %v, error %q", tt.current, p, tt.power, tt.err)
			}
		}
	})
}
