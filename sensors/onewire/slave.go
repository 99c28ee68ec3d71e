package onewire

import (
	"bytes"

	"pinhole/sensors/sysfs"
)

// slave is what the file w1_slave tells: the part's memory, the kernel's verdict on its checksum, the temperature.
type slave struct {
	pad   [9]byte
	valid bool
	milli int64 // means nothing unless valid: some kernels show the last good temperature beside NO
}

// parseSlave reads the two lines of w1_slave:
//
//	91 01 4b 46 7f ff 0f 10 25 : crc=25 YES
//	91 01 4b 46 7f ff 0f 10 25 t=25062
func parseSlave(text []byte) (s slave, ok bool) {
	first, second, _ := bytes.Cut(text, []byte("\n"))
	first, ok = memory(first, &s.pad)
	if !ok || !bytes.HasPrefix(first, []byte(": crc=")) || len(first) < len(": crc=25 NO") {
		return s, false
	}
	if _, ok := octet(first[len(": crc="):]); !ok {
		return s, false
	}
	switch verdict := first[len(": crc=25"):]; string(verdict) {
	case " YES":
		s.valid = true
	case " NO":
	default:
		return s, false
	}
	var last [9]byte
	second, ok = memory(second, &last)
	number, has := bytes.CutPrefix(second, []byte("t="))
	if !ok || !has {
		return s, false
	}
	s.milli, ok = sysfs.Whole(number)
	return s, ok
}

// memory reads nine octets and the space after each.
func memory(text []byte, pad *[9]byte) (rest []byte, ok bool) {
	for i := range pad {
		if len(text) < 3 || text[2] != ' ' {
			return nil, false
		}
		if pad[i], ok = octet(text); !ok {
			return nil, false
		}
		text = text[3:]
	}
	return text, true
}

// octet reads the two hexadecimal digits that text begins with.
func octet(text []byte) (v byte, ok bool) {
	for _, c := range text[:2] {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | (c - '0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | (c - 'a' + 10)
		default:
			return 0, false
		}
	}
	return v, true
}

// uniform reports whether the memory is nine times the same: zeros, for which even the checksum is right, or ones.
func (s slave) uniform() bool {
	for _, b := range s.pad {
		if b != s.pad[0] {
			return false
		}
	}
	return true
}

// unmeasured reports whether the part shows its value after power-on: 85 Cel, and 0Ch in byte 6. That byte is reserved in a
// DS18B20, where a real 85 Cel leaves 10h in it; the kernel's own check, which root would have to switch on, is the same. In a
// DS18S20 it counts sixteenths, so one in sixteen real readings of 85 Cel looks as after power-on and is lost.
func (s slave) unmeasured(family string) bool {
	if family == "10" {
		return s.pad[0] == 0xAA && s.pad[1] == 0 && s.pad[6] == 0x0C
	}
	return s.pad[0] == 0x50 && s.pad[1] == 0x05 && s.pad[6] == 0x0C
}
