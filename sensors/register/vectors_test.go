package register

import (
	"math"
	"strings"
	"testing"

	"pinhole/sensors"
	"pinhole/sensors/register/chips"
)

// shippedChip builds a definition that comes with the program.
func shippedChip(t testing.TB, name string, constants map[string]string) *chips.Chip {
	t.Helper()
	for _, s := range chips.All() {
		if s.Kind == name {
			c, problems := s.File.Build(constants)
			if problems != nil {
				t.Fatal(problems)
			}
			return c
		}
	}
	t.Fatalf("no definition %s", name)
	return nil
}

// TestVectors are datasheets' examples and limits: literal bytes of an answer, and what they mean. NaN stands for an error of class
// range, an unmet requirement is tried elsewhere.
func TestVectors(t *testing.T) {
	bad := math.NaN()
	ina219 := map[string]string{"shunt": "0.002", "max_current": "32.768"} // the datasheet's example: calibration 0x5000, 1 mA a step
	range16 := map[string]string{"range": "16g"}
	for _, tt := range []struct {
		chip      string
		constants map[string]string
		field     int // in the order of the readings
		answer    string
		want      float64
	}{
		// TMP102, the table of 12-bit examples.
		{"tmp102", nil, 0, "\x19\x00", 25}, {"tmp102", nil, 0, "\xFF\xC0", -0.25}, {"tmp102", nil, 0, "\xE7\x00", -25},
		{"tmp102", nil, 0, "\x64\x00", 100}, {"tmp102", nil, 0, "\x50\x00", 80}, {"tmp102", nil, 0, "\x00\x00", 0},
		{"tmp102", nil, 0, "\xC9\x00", -55}, {"tmp102", nil, 0, "\xC8\xF0", bad}, {"tmp102", nil, 0, "\x7F\x00", 127},
		// The end of the scale, 127.9375, is what the part shows for everything above it.
		{"tmp102", nil, 0, "\x7F\xF0", bad}, {"tmp102", nil, 0, "\x7F\x10", bad},
		// In extended mode, the table of 13-bit examples, with the bit that tells the mode; 0x0C81 read as 12 bits would be 12.5.
		{"tmp102", nil, 1, "\x0C\x81", 25}, {"tmp102", nil, 1, "\x4B\x01", 150}, {"tmp102", nil, 1, "\x40\x01", 128}, {"tmp102", nil, 1, "\x3F\xF9", 127.9375},
		{"tmp102", nil, 1, "\x32\x01", 100}, {"tmp102", nil, 1, "\x28\x01", 80}, {"tmp102", nil, 1, "\x25\x81", 75}, {"tmp102", nil, 1, "\x19\x01", 50},
		{"tmp102", nil, 1, "\x00\x21", 0.25}, {"tmp102", nil, 1, "\x00\x01", 0}, {"tmp102", nil, 1, "\xFF\xE1", -0.25}, {"tmp102", nil, 1, "\xF3\x81", -25},
		{"tmp102", nil, 1, "\xE4\x81", -55}, {"tmp102", nil, 1, "\x4B\x09", bad}, {"tmp102", nil, 1, "\xE4\x79", bad},
		// LM75: 9 bits; the bits below differ from maker to maker.
		{"lm75", nil, 0, "\x19\x00", 25}, {"lm75", nil, 0, "\x19\x7F", 25}, {"lm75", nil, 0, "\x7D\x00", 125}, {"lm75", nil, 0, "\x00\x80", 0.5},
		{"lm75", nil, 0, "\xFF\x80", -0.5}, {"lm75", nil, 0, "\xE7\x00", -25}, {"lm75", nil, 0, "\xC9\x00", -55}, {"lm75", nil, 0, "\x7D\x80", bad}, {"lm75", nil, 0, "\xC8\x80", bad},
		// LM75A: 11 bits.
		{"lm75a", nil, 0, "\x7E\xE0", bad}, {"lm75a", nil, 0, "\x7D\x00", 125}, {"lm75a", nil, 0, "\x19\x00", 25}, {"lm75a", nil, 0, "\x00\x20", 0.125},
		{"lm75a", nil, 0, "\xFF\xE0", -0.125}, {"lm75a", nil, 0, "\xE7\x20", -24.875}, {"lm75a", nil, 0, "\xC9\x20", -54.875}, {"lm75a", nil, 0, "\xC9\x00", -55},
		{"lm75a", nil, 0, "\x7D\x20", bad}, {"lm75a", nil, 0, "\xC8\xE0", bad},
		// TMP117, the table of examples; 0x8000 is no temperature but the word for none.
		{"tmp117", nil, 0, "\x0C\x80", 25}, {"tmp117", nil, 0, "\xFF\xFF", -0.0078125}, {"tmp117", nil, 0, "\x00\x01", 0.0078125},
		{"tmp117", nil, 0, "\x32\x00", 100}, {"tmp117", nil, 0, "\xF3\x80", -25}, {"tmp117", nil, 0, "\x80\x00", bad}, {"tmp117", nil, 0, "\x7F\xFF", bad},
		{"tmp117", nil, 0, "\x4B\x00", 150}, {"tmp117", nil, 0, "\x4B\x01", bad}, {"tmp117", nil, 0, "\xE4\x80", -55}, {"tmp117", nil, 0, "\xE4\x7F", bad},
		// MCP9808: the three flags do not count, the sign is bit 12.
		{"mcp9808", nil, 0, "\x01\x94", 25.25}, {"mcp9808", nil, 0, "\xC1\x94", 25.25}, {"mcp9808", nil, 0, "\x1F\xFF", -0.0625},
		{"mcp9808", nil, 0, "\xFE\x6C", -25.25}, {"mcp9808", nil, 0, "\x07\xD0", 125}, {"mcp9808", nil, 0, "\x1D\x80", -40},
		{"mcp9808", nil, 0, "\x07\xD1", bad}, {"mcp9808", nil, 0, "\x1D\x7F", bad},
		// HDC1080, the formulas of its two registers.
		{"hdc1080", nil, 0, "\x66\x66\x80\x00", 26}, {"hdc1080", nil, 1, "\x66\x66\x80\x00", 50}, {"hdc1080", nil, 0, "\x00\x01\x00\x01", -40},
		{"hdc1080", nil, 0, "\x00\x00\x80\x00", bad}, {"hdc1080", nil, 1, "\x66\x66\x00\x00", bad}, {"hdc1080", nil, 1, "\x66\x66\xFF\xFF", 100},
		// HDC302x, the formulas of its two words.
		{"hdc302x", nil, 0, "\x66\x66\x80\x00", 25}, {"hdc302x", nil, 0, "\xF8\xE2\x80\x00", bad}, {"hdc302x", nil, 0, "\x07\x51\x80\x00", -40},
		{"hdc302x", nil, 0, "\x07\x4D\x80\x00", bad}, {"hdc302x", nil, 0, "\x00\x00\x00\x00", bad}, {"hdc302x", nil, 1, "\x66\x66\x00\x00", bad}, {"hdc302x", nil, 1, "\x66\x66\x80\x00", 50}, {"hdc302x", nil, 1, "\x66\x66\xFF\xFF", 100},
		// BH1750, page 7: 1000001110010000 is 28067 lx.
		{"bh1750", nil, 0, "\x83\x90", 28066.7}, {"bh1750", nil, 0, "\x00\x01", 0.8}, {"bh1750", nil, 0, "\x00\x00", 0}, {"bh1750", nil, 0, "\xFF\xFF", bad}, {"bh1750", nil, 0, "\xFF\xFE", 54611.7},
		// MPU6050: 16384 a g, 340 a Cel from 36.53, 131 a degree a second.
		{"mpu6050", nil, 0, "\x40\x00\xC0\x00\x00\x00\x00\x00\x00\x83\xFF\x7D\x00\x00", 9.8067}, {"mpu6050", nil, 1, "\x40\x00\xC0\x00\x00\x00\x00\x00\x00\x83\xFF\x7D\x00\x00", -9.8067},
		{"mpu6050", nil, 3, "\x40\x00\xC0\x00\x00\x00\x00\x00\x00\x83\xFF\x7D\x00\x00", 36.53}, {"mpu6050", nil, 4, "\x40\x00\xC0\x00\x00\x00\x00\x00\x00\x83\xFF\x7D\x00\x00", 1},
		{"mpu6050", nil, 5, "\x40\x00\xC0\x00\x00\x00\x00\x00\x00\x83\xFF\x7D\x00\x00", -1}, {"mpu6050", nil, 3, "\x00\x00\x00\x00\x00\x00\xF0\xB0\x00\x00\x00\x00\x00\x00", 25},
		{"mpu6050", nil, 2, "\x00\x00\x00\x00\x7F\xFF\x00\x00\x00\x00\x00\x00\x00\x00", bad}, {"mpu6050", nil, 6, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x00", bad},
		// INA219, the worked example: shunt 20 mV (0x07D0), bus 0x5D98, current 0x2710, power 0x1766.
		{"ina219", ina219, 0, "\x5D\x98", 11.98}, {"ina219", ina219, 0, "\x5D\x9A", 11.98}, {"ina219", ina219, 1, "\x27\x10", 10}, {"ina219", ina219, 2, "\x17\x66", 119.8},
		{"ina219", ina219, 1, "\xD8\xF0", -10}, {"ina219", nil, 1, "\x7F\xFF", bad}, {"ina219", map[string]string{"shunt": "0.01"}, 1, "\x7F\xFF", bad},
		{"ina219", map[string]string{"shunt": "0.01"}, 1, "\x80\x00", bad}, {"ina226", map[string]string{"shunt": "0.01"}, 1, "\x7F\xFF", bad}, {"ina226", map[string]string{"shunt": "0.01"}, 1, "\x80\x00", bad},
		// INA226, the worked example: shunt 20 mV, bus 9584 is 11.98 V, calibration 2560, current 10000 is 10 A, power 4792 is 119.82 W.
		{"ina226", ina219, 0, "\x25\x70", 11.98}, {"ina226", ina219, 1, "\x27\x10", 10}, {"ina226", ina219, 2, "\x12\xB8", 119.8},
		{"ina226", ina219, 1, "\xD8\xF0", -10}, {"ina226", ina219, 0, "\x80\x00", bad},
		{"ina260", nil, 0, "\x25\x80", 12}, {"ina260", nil, 1, "\x27\x10", 12.5}, {"ina260", nil, 1, "\xD8\xF0", -12.5}, {"ina260", nil, 2, "\x04\xD2", 12.34}, {"ina260", nil, 1, "\x7F\xFF", bad},
		{"ina260", nil, 0, "\x72\x10", 36.5}, {"ina260", nil, 0, "\x72\x11", bad}, {"ina260", nil, 1, "\x30\x70", 15.5}, {"ina260", nil, 1, "\x30\x71", bad}, {"ina260", nil, 1, "\xCF\x8F", bad},
		// INA3221: the lowest three bits do not count.
		{"ina3221", nil, 0, "\x2E\xE0", 12}, {"ina3221", nil, 0, "\x2E\xE7", 12}, {"ina3221", nil, 1, "\x27\x10", 0.5}, {"ina3221", nil, 1, "\xD8\xF0", -0.5}, {"ina3221", nil, 1, "\x7F\xF8", bad},
		// ADS1115, the table of ideal codes, and 12 bits from the top in the ADS1015.
		{"ads1115", nil, 0, "\x40\x00", 2.048}, {"ads1115", nil, 0, "\x7F\xFF", bad}, {"ads1115", nil, 0, "\x80\x00", bad}, {"ads1115", nil, 0, "\x7F\xFE", 4.09575},
		{"ads1115", map[string]string{"full_scale": "0.256V"}, 0, "\x00\x01", 0.000008}, {"ads1115", map[string]string{"full_scale": "6.144V"}, 0, "\xC0\x00", -3.072},
		{"ads1015", nil, 0, "\x40\x00", 2.048}, {"ads1015", nil, 0, "\x7F\xF0", bad}, {"ads1015", nil, 0, "\x80\x00", bad}, {"ads1015", nil, 0, "\xFF\xF0", -0.002},
		// ADT7410, the table of 16-bit examples.
		{"adt7410", nil, 0, "\xE4\x80", -55}, {"adt7410", nil, 0, "\xE7\x00", -50}, {"adt7410", nil, 0, "\xF3\x80", -25}, {"adt7410", nil, 0, "\xFF\xFF", -0.0078125}, {"adt7410", nil, 0, "\x00\x01", 0.0078125},
		{"adt7410", nil, 0, "\x0C\x80", 25}, {"adt7410", nil, 0, "\x19\x00", 50}, {"adt7410", nil, 0, "\x4B\x00", 150}, {"adt7410", nil, 0, "\x4B\x01", bad}, {"adt7410", nil, 0, "\xE4\x7F", bad},
		// ADXL345: 256 LSB/g whatever the range, lowest byte first, the sign continued to 16 bits; the ends of each range are no values.
		{"adxl345", nil, 0, "\x00\x01\x00\xFF\xFE\x01", 9.8067}, {"adxl345", nil, 1, "\x00\x01\x00\xFF\xFE\x01", -9.8067}, {"adxl345", nil, 2, "\x00\x01\x00\xFF\xFE\x01", 19.5367},
		{"adxl345", nil, 0, "\xFF\x01\x00\x00\x00\x00", bad}, {"adxl345", nil, 1, "\x00\x00\x00\xFE\x00\x00", bad}, {"adxl345", nil, 1, "\x00\x00\x01\xFE\x00\x00", -19.575},
		{"adxl345", range16, 2, "\x00\x00\x00\x00\xFE\x0F", 156.8298}, {"adxl345", range16, 2, "\x00\x00\x00\x00\xFF\x0F", bad}, {"adxl345", range16, 2, "\x00\x00\x00\x00\x00\xF0", bad},
		{"adxl345", range16, 0, "\xFF\xFF\x00\x00\x00\x00", -0.0383},
		// LPS22HB: 1010 hPa and 25 Cel, computed from its 4096 a hPa and 100 a Cel.
		{"lps22hb", nil, 0, "\x00\x20\x3F\xC4\x09", 101000}, {"lps22hb", nil, 1, "\x00\x20\x3F\xC4\x09", 25}, {"lps22hb", nil, 1, "\x00\x20\x3F\x3C\xF6", -25},
		{"lps22hb", nil, 0, "\x00\x40\x10\x00\x00", 26000}, {"lps22hb", nil, 0, "\xFF\x3F\x10\x00\x00", bad}, {"lps22hb", nil, 0, "\x00\xC0\x4E\x00\x00", 126000},
		{"lps22hb", nil, 0, "\x01\xC1\x4E\x00\x00", bad}, {"lps22hb", nil, 1, "\x00\x20\x3F\x34\x21", 85}, {"lps22hb", nil, 1, "\x00\x20\x3F\x35\x21", bad},
		{"lps22hb", nil, 1, "\x00\x20\x3F\x60\xF0", -40}, {"lps22hb", nil, 1, "\x00\x20\x3F\x5F\xF0", bad},
		{"lps22hb", nil, 0, "\x00\x00\x00\x00\x00", bad}, {"lps22hb", nil, 0, "\xFF\xFF\xFF\x00\x00", bad},
		// MLX90614, the examples of its RAM: 0x3AF7 is 28.75 Cel, 0x27AD -70.01, 0x7FFF 382.19.
		{"mlx90614", nil, 0, "\xF7\x3A", 28.75}, {"mlx90614", nil, 0, "\xAD\x27", -70.01}, {"mlx90614", nil, 0, "\xFF\x7F", bad}, {"mlx90614", nil, 1, "\x55\x39", 20.39},
		{"mlx90614", nil, 0, "\x91\x7F", 379.99}, {"mlx90614", nil, 0, "\x92\x7F", bad}, {"mlx90614", nil, 0, "\xAC\x27", bad},
		{"mlx90614", nil, 1, "\x8A\x2D", -39.99}, {"mlx90614", nil, 1, "\x89\x2D", bad}, {"mlx90614", nil, 1, "\xC3\x4D", 124.99}, {"mlx90614", nil, 1, "\xC4\x4D", bad},
	} {
		f := shippedChip(t, tt.chip, tt.constants).Fields()[tt.field]
		got, fault := convert(f, raw(f, []byte(tt.answer)))
		if math.IsNaN(tt.want) {
			if fault == nil {
				t.Errorf("%s field %d: % x is %v, want an error", tt.chip, tt.field, tt.answer, got)
			}
			continue
		}
		if fault != nil || got != tt.want {
			t.Errorf("%s field %d: % x is %v (%v), want %v", tt.chip, tt.field, tt.answer, got, fault, tt.want)
		}
	}
}

// TestConfigurationWords: what goes into the configuration registers, as computed by hand from the datasheets' tables.
func TestConfigurationWords(t *testing.T) {
	for _, tt := range []struct {
		chip      string
		constants map[string]string
		want      string // the bytes of the first write to the register, or of init's
	}{
		{"ina219", map[string]string{"shunt": "0.002", "max_current": "32.768"}, "055000"},
		{"ina219", nil, "051062"},
		{"ina226", map[string]string{"shunt": "0.002", "max_current": "32.768"}, "050a00"},
		{"ads1115", nil, "01c323"},
		{"ads1115", map[string]string{"input": "a3", "full_scale": "0.256V"}, "01fb23"},
		{"ads1115", map[string]string{"input": "a0-a1", "full_scale": "6.144V"}, "018123"},
		{"ads1015", map[string]string{"input": "a2"}, "01e303"},
		{"adxl345", nil, "3108"},
		{"adxl345", map[string]string{"range": "16g"}, "310b"},
	} {
		p := compile(shippedChip(t, tt.chip, tt.constants), 0x48)
		var writes []string
		for _, o := range append(p.init, p.rounds[0].start...) {
			if o.code == transfer {
				writes = append(writes, hex(o.w))
			}
		}
		if !strings.Contains(strings.Join(writes, " "), tt.want) {
			t.Errorf("%s %v writes %v, want %s among it", tt.chip, tt.constants, writes, tt.want)
		}
	}
}

func hex(p []byte) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, x := range p {
		b.WriteByte(digits[x>>4])
		b.WriteByte(digits[x&15])
	}
	return b.String()
}

// TestEveryQuantityHasLimits: whatever raw value a shipped part sends, no value leaves its limits.
func TestEveryQuantityHasLimits(t *testing.T) {
	for _, s := range chips.All() {
		c := shippedChip(t, s.Kind, nil)
		for _, f := range c.Fields() {
			for r := range uint64(1) << min(f.Bits, 16) {
				if v, fault := convert(f, r); fault == nil && !(v >= f.Min && v <= f.Max && v-v == 0) {
					t.Fatalf("%s: raw %#x is %v", s.Kind, r, v)
				}
			}
			if f.Quantity == sensors.Temperature && (f.Min < -75 || f.Max > 385) {
				t.Errorf("%s: a temperature from %v to %v", s.Kind, f.Min, f.Max)
			}
		}
	}
}
