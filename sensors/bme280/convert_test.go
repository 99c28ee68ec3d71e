package bme280

import (
	"math"
	"slices"
	"testing"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// example is the worked example of DS001 section 3.12.
func example() calibration {
	return calibration{t1: 27504, t2: 26435, t3: -1000, p1: 36477, p2: -10685, p3: 3024, p4: 2855, p5: 140, p6: -7, p7: 15500,
		p8: -14600, p9: 6000, h1: 75, h2: 362, h3: 0, h4: 335, h5: 0, h6: 30}
}

// TestDatasheetExample uses the example's constants and raw values. The datasheet's 100653.27 Pa are its floating point
// formula's; the whole-number one gives 25767233/256 Pa, which Linux's bmp280 driver says too for these registers.
func TestDatasheetExample(t *testing.T) {
	c := example()
	fine := c.fine(519888)
	if fine != 128422 {
		t.Errorf("fine = %d, want 128422", fine)
	}
	if got := centiCelsius(fine); got != 2508 {
		t.Errorf("temperature = %d/100 Cel, want 2508", got)
	}
	if p, ok := c.pressure(415148, fine); p != 25767233 || !ok {
		t.Errorf("pressure = %d/256 Pa, %v, want 25767233", p, ok)
	}
}

func TestParse(t *testing.T) {
	var b [24]byte
	for i := range b {
		b[i] = byte(0xF0 + i)
	}
	var c calibration
	c.parseTP(&b)
	if c.t1 != 0xF1F0 || c.t2 != int16(-0x0C0E) || c.p1 != 0xF7F6 || c.p9 != 0x0706 {
		t.Errorf("parsed %+v", c)
	}
	for _, tt := range []struct {
		b      [7]byte
		h2     int16
		h3     uint8
		h4, h5 int16
		h6     int8
	}{
		{[7]byte{0x6A, 0x01, 0x00, 0x14, 0x2F, 0x03, 0x1E}, 362, 0, 335, 50, 30},
		// Upper bytes with the sign bit set: the mistake of several drivers is to read 3855 and 4080.
		{[7]byte{0x00, 0x80, 0xFF, 0xF0, 0x0F, 0xFF, 0x80}, -32768, 255, -241, -16, -128},
		{[7]byte{0xFF, 0xFF, 0x01, 0x7F, 0xFF, 0x7F, 0x7F}, -1, 1, 2047, 2047, 127},
		{[7]byte{0x00, 0x00, 0x00, 0x80, 0x00, 0x80, 0x00}, 0, 0, -2048, -2048, 0},
	} {
		c.parseH(7, &tt.b)
		if c.h1 != 7 || c.h2 != tt.h2 || c.h3 != tt.h3 || c.h4 != tt.h4 || c.h5 != tt.h5 || c.h6 != tt.h6 {
			t.Errorf("% x: %d %d %d %d %d %d, want %+v", tt.b, c.h1, c.h2, c.h3, c.h4, c.h5, c.h6, tt)
		}
	}
}

// humidityFloat is the other formula of the datasheet, in floating point (DS002 section 8.1), without its stops.
func humidityFloat(c *calibration, raw, fine int64) float64 {
	h := float64(fine) - 76800
	h = (float64(raw) - (float64(c.h4)*64 + float64(c.h5)/16384*h)) * (float64(c.h2) / 65536 *
		(1 + float64(c.h6)/67108864*h*(1+float64(c.h3)/67108864*h)))
	return h * (1 - float64(c.h1)*h/524288)
}

// TestHumidity holds the whole-number formula against the datasheet's other one.
func TestHumidity(t *testing.T) {
	usual, negative := example(), example()
	negative.h2, negative.h4, negative.h5, negative.h6 = 130, -241, -16, -20
	for _, c := range []calibration{usual, negative} {
		seen := 0
		for raw := int64(0); raw < 65536; raw += 37 {
			for fine := int64(-200000); fine <= 430000; fine += 30011 {
				want := humidityFloat(&c, raw, fine)
				if want < -5 || want > 105 {
					continue
				}
				seen++
				if got := float64(c.humidity(raw, fine)) / 1024; math.Abs(got-want) > 0.02 {
					t.Fatalf("h4 %d: humidity(%d, %d) = %.3f, want %.3f", c.h4, raw, fine, got, want)
				}
			}
		}
		if seen < 1000 {
			t.Errorf("h4 %d: only %d points compared", c.h4, seen)
		}
	}
}

// TestHumidityToTheBit pins the whole-number formula where a constant off by one would show. The values were computed by a
// second transcription of it, in another language.
func TestHumidityToTheBit(t *testing.T) {
	usual, negative := example(), example()
	usual.h3, usual.h5 = 7, 50
	negative.h1, negative.h2, negative.h3, negative.h4, negative.h5, negative.h6 = 0, 130, 12, -241, -16, -20
	for _, tt := range []struct {
		c               *calibration
		raw, fine, want int64
	}{
		{&negative, 13365, 401820, 53060}, {&usual, 37919, 128887, 93222}, {&negative, 36507, 229960, 100828},
		{&negative, 32908, 235674, 93690}, {&negative, 11173, 401070, 49080}, {&negative, 29240, -78284, 94479},
		{&negative, 1544, 317440, 32331},
	} {
		if got := tt.c.humidity(tt.raw, tt.fine); got != tt.want {
			t.Errorf("h4 %d: humidity(%d, %d) = %d/1024 %%RH, want %d", tt.c.h4, tt.raw, tt.fine, got, tt.want)
		}
	}
}

func TestCentiCelsius(t *testing.T) {
	for fine, want := range map[int64]int64{0: 0, 25: 0, 26: 1, 179: 3, 180: 4, -25: 0, -26: -1, -205312: -4010} {
		if got := centiCelsius(fine); got != want {
			t.Errorf("centiCelsius(%d) = %d, want %d", fine, got, want)
		}
	}
}

// registers lays raw values out as the part does, from ctrl_hum on.
func registers(rawT, rawP, rawH int64) []byte {
	return []byte{0, 0, 0, 0, 0, byte(rawP >> 12), byte(rawP >> 4), byte(rawP << 4), byte(rawT >> 12), byte(rawT >> 4), byte(rawT << 4),
		byte(rawH >> 8), byte(rawH)}
}

// TestConvert walks over all that the part could send: no value leaves the part's range, and none in it is refused.
func TestConvert(t *testing.T) {
	d := &Dev{part: new(kind.Part), model: bme(), cal: example()}
	const rawT, rawP, rawH = 519888, 415148, 27135
	want := []sensors.Measurement{{Quantity: sensors.Temperature, Value: 25.08}, {Quantity: sensors.RelativeHumidity, Value: 32.04},
		{Quantity: sensors.Pressure, Value: 100653.3}}
	check := func(rawT, rawP, rawH int64, want []sensors.Measurement) {
		t.Helper()
		list, err := d.convert(registers(rawT, rawP, rawH))
		if want == nil {
			if list != nil || sensors.ClassOf(err) != sensors.Range {
				t.Fatalf("raw %d %d %d: %v, %v, want an error of class range", rawT, rawP, rawH, list, err)
			}
			return
		}
		if err != nil || !slices.Equal(list, want) {
			t.Fatalf("raw %d %d %d: %v, %v, want %v", rawT, rawP, rawH, list, err, want)
		}
	}
	check(rawT, rawP, rawH, want)
	fine := d.cal.fine(rawT)
	for raw := range int64(1 << 20) {
		list, err := d.convert(registers(raw, rawP, rawH))
		centi := centiCelsius(d.cal.fine(raw))
		if good := raw != 0x80000 && centi >= -4000 && centi <= 8500; good != (err == nil) || good && list[0].Value != float64(centi)/100 {
			t.Fatalf("raw temperature %d, %d/100 Cel: %v, %v", raw, centi, list, err)
		}
	}
	for raw := int64(0); raw < 1<<20; raw += 3 {
		list, err := d.convert(registers(rawT, raw, rawH))
		p, _ := d.cal.pressure(raw, fine)
		good := raw != 0x80000 && p >= 30000*256-12 && p <= 110000*256+12
		if err != nil || good != (list[2].Err == "") || good && math.Abs(list[2].Value-float64(p)/256) > 0.051 || !good && list[2].Value != 0 {
			t.Fatalf("raw pressure %d, %d/256 Pa: %v, %v", raw, p, list, err)
		}
	}
	for raw := range int64(1 << 16) {
		list, err := d.convert(registers(rawT, rawP, raw))
		h := d.cal.humidity(raw, fine)
		good := raw != 0x8000 && h >= -5*1024 && h <= 105*1024
		v := list[1].Value
		if err != nil || good != (list[1].Err == "") || good && math.Abs(v-min(max(float64(h)/1024, 0), 100)) > 0.0051 || !good && v != 0 {
			t.Fatalf("raw humidity %d, %d/1024 %%RH: %v, %v", raw, h, list, err)
		}
	}
	// What the part did not measure is plausible as a number, and so must be known.
	check(0x80000, rawP, rawH, nil)
	want[2] = sensors.Measurement{Quantity: sensors.Pressure, Err: sensors.Range}
	check(rawT, 0x80000, rawH, want)
	want[1] = sensors.Measurement{Quantity: sensors.RelativeHumidity, Err: sensors.Range}
	check(rawT, 0x80000, 0x8000, want)
}

func TestOversample(t *testing.T) {
	for _, tt := range []struct {
		n         int
		hum, meas byte
		humid     time.Duration
		dry       time.Duration
	}{
		{1, 1, 0x24, 9300 * time.Microsecond, 6425 * time.Microsecond},
		{2, 2, 0x48, 16200 * time.Microsecond, 11025 * time.Microsecond},
		{4, 3, 0x6C, 30 * time.Millisecond, 20225 * time.Microsecond},
		{8, 4, 0x90, 57600 * time.Microsecond, 38625 * time.Microsecond},
		{16, 5, 0xB4, 112800 * time.Microsecond, 75425 * time.Microsecond},
	} {
		wet, dry := &Dev{model: bme()}, &Dev{model: bmp()}
		wet.oversample(tt.n)
		dry.oversample(tt.n)
		if wet.ctrlHum != tt.hum || wet.ctrlMeas != tt.meas || wet.longest != tt.humid {
			t.Errorf("%d: ctrl_hum %#x, ctrl_meas %#x, %v", tt.n, wet.ctrlHum, wet.ctrlMeas, wet.longest)
		}
		if dry.ctrlHum != 0 || dry.ctrlMeas != tt.meas || dry.longest != tt.dry {
			t.Errorf("%d: BMP280: ctrl_hum %#x, ctrl_meas %#x, %v", tt.n, dry.ctrlHum, dry.ctrlMeas, dry.longest)
		}
	}
}

// FuzzConvert: no constants and registers make a value that the part cannot measure, and none divides by zero.
func FuzzConvert(f *testing.F) {
	f.Add([]byte("\x70\x6b\x43\x67\x18\xfc\x7d\x8e\x43\xd6\xd0\x0b\x27\x0b\x8c\x00\xf9\xff\x8c\x3c\xf8\xc6\x70\x17"),
		[]byte("\x4b\x6a\x01\x00\x14\x04\x00\x1e"), int64(519888), int64(415148), int64(27135), true)
	f.Add(make([]byte, 24), make([]byte, 8), int64(519888), int64(415148), int64(27135), false)
	f.Fuzz(func(t *testing.T, tp, h []byte, rawT, rawP, rawH int64, humid bool) {
		d := &Dev{part: new(kind.Part), model: bmp()}
		if humid {
			d.model = bme()
		}
		var b [24]byte
		copy(b[:], tp)
		d.cal.parseTP(&b)
		b = [24]byte{}
		copy(b[:8], h)
		d.cal.parseH(b[0], (*[7]byte)(b[1:8]))
		list, err := d.convert(registers(rawT&0xFFFFF, rawP&0xFFFFF, rawH&0xFFFF))
		if err != nil && list != nil {
			t.Fatalf("%v beside %v", list, err)
		}
		for _, m := range list {
			limits := map[sensors.Quantity][2]float64{sensors.Temperature: {-40, 85}, sensors.RelativeHumidity: {0, 100}, sensors.Pressure: {30000, 110000}}[m.Quantity]
			if m.Err != "" && m.Value != 0 || m.Err == "" && !(m.Value >= limits[0] && m.Value <= limits[1]) {
				t.Errorf("%+v", m)
			}
		}
	})
}
