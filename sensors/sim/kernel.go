package sim

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// attachFiles adds the part that a kind reads through the kernel's files. A pressure sensor, an LM75 and two DS18B20 are there
// anyway.
func (b *Board) attachFiles(kindName string, p kind.Params) error {
	b.tree.Lock()
	defer b.tree.Unlock()
	id := p.String("device")
	switch {
	case kindName == "onewire" && id != "" && !slices.Contains(b.slaves, id):
		b.slaves = append(b.slaves, id)
	case kindName == "dht", kindName == "iio" && strings.HasPrefix(id, "dht11"):
		b.dht = true
	}
	if b.root == "" {
		return nil
	}
	return b.refresh()
}

// milli writes v in thousandths, as most drivers do, in steps of step thousandths.
func milli(v, step float64) string { return fmt.Sprintf("%d\n", int64(math.Round(v*1000/step)*step)) }

// flag writes a state.
func flag(on bool) string {
	if on {
		return "1\n"
	}
	return "0\n"
}

// hwmonFiles is the firmware's watch over the supply, and an LM75 that the kernel drives on bus 3.
func (b *Board) hwmonFiles(now time.Time) []file {
	const lm75, place = "sys/devices/platform/i2c-3/3-0048/hwmon/hwmon1/", "i2c-3/0x48"
	low, _ := b.world.Switch(sensors.Undervoltage, "supply", now)
	c := b.world.Value(sensors.Temperature, place, now)
	return []file{
		{"sys/class/hwmon/hwmon0/name", "rpi_volt\n"},
		{"sys/class/hwmon/hwmon0/in0_lcrit_alarm", flag(low)},
		{lm75 + "name", "lm75\n"},
		{lm75 + "device", LinkTo + "../../../3-0048"},
		{lm75 + "temp1_input", milli(c, 500)},
		{lm75 + "temp1_max", "80000\n"},
		{lm75 + "temp1_max_hyst", "75000\n"},
		{lm75 + "update_interval", "100\n"},
		{"sys/class/hwmon/hwmon1", LinkTo + "../../devices/platform/i2c-3/3-0048/hwmon/hwmon1"},
	}
}

// iioFiles is a BMP280 that the kernel drives on bus 3, and a DHT22 if one is attached.
func (b *Board) iioFiles(now time.Time) []file {
	const bmp, place = "sys/devices/platform/i2c-3/3-0076/iio:device0/", "i2c-3/0x76"
	const dht, pin = "sys/devices/platform/dht11@0/iio:device1/", "dht11@0"
	list := []file{
		{bmp + "name", "bmp280\n"},
		{bmp + "in_temp_input", fmt.Sprintf("%.9f\n", math.Round(b.world.Value(sensors.Temperature, place, now)*100)*10)},
		{bmp + "in_pressure_input", fmt.Sprintf("%.9f\n", b.world.Value(sensors.Pressure, place, now)/1000)},
		{"sys/bus/iio/devices/iio:device0", LinkTo + "../../../devices/platform/i2c-3/3-0076/iio:device0"},
	}
	if !b.dht {
		return list
	}
	return append(list,
		file{dht + "name", "dht11@0\n"},
		file{dht + "in_temp_input", milli(b.world.Value(sensors.Temperature, pin, now), 100)},
		file{dht + "in_humidityrelative_input", milli(b.world.Value(sensors.RelativeHumidity, pin, now), 100)},
		file{"sys/bus/iio/devices/iio:device1", LinkTo + "../../../devices/platform/dht11@0/iio:device1"},
	)
}

// w1Files is a 1-Wire bus with the DS18B20 on it.
func (b *Board) w1Files(now time.Time) []file {
	const master = w1Master + "/"
	plugged := slices.DeleteFunc(slices.Clone(b.slaves), func(id string) bool {
		_, there := b.mishap(file{path: master + id}, now)
		return !there
	})
	slaves := "not found.\n" // as the kernel says it
	if len(plugged) > 0 {
		slaves = strings.Join(plugged, "\n") + "\n"
	}
	list := []file{
		{master + "w1_master_slaves", slaves},
		{master + "w1_master_slave_count", fmt.Sprintf("%d\n", len(plugged))},
		{master + "therm_bulk_read", "0\n"},
		{"sys/bus/w1/devices/w1_bus_master1", LinkTo + "../../../devices/w1_bus_master1"},
	}
	for _, id := range b.slaves {
		pad := scratchpad(b.world.Value(sensors.Temperature, w1Place+id, now))
		sum := crc8Dallas(pad[:8])
		t := int(int16(uint16(pad[0])|uint16(pad[1])<<8)) * 1000 / 16
		list = append(list,
			file{master + id + "/temperature", fmt.Sprintf("%d\n", t)},
			file{master + id + "/w1_slave", fmt.Sprintf("% x : crc=%02x YES\n% x t=%d\n", pad, sum, pad, t)},
			file{master + id + "/resolution", "12\n"},
			file{master + id + "/ext_power", "1\n"},
			file{master + id + "/features", "0\n"},
			file{w1Devices + id, LinkTo + "../../../devices/w1_bus_master1/" + id},
		)
	}
	return list
}

// scratchpad is the nine bytes of a DS18B20 that has measured c at 12 bits.
func scratchpad(c float64) (pad [9]byte) {
	raw := int16(math.Round(min(max(c, -55), 125) * 16))
	pad = [9]byte{byte(raw), byte(raw >> 8), 0x4B, 0x46, 0x7F, 0xFF, 0x10 - byte(raw)&0x0F, 0x10}
	pad[8] = crc8Dallas(pad[:8])
	return pad
}

// crc8Dallas is x^8 + x^5 + x^4 + 1, low bit first.
func crc8Dallas(p []byte) (crc byte) {
	for _, b := range p {
		crc ^= b
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8C
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}

// Throttled is the firmware's answer to what slows the board down: bit 0 undervoltage now, bit 2 throttled now, and the same 16
// bits higher for what was since boot.
func (b *Board) Throttled() (bits uint32, err error) {
	now := b.opts.Now()
	if low, _ := b.world.Switch(sensors.Undervoltage, "supply", now); low {
		bits |= 1<<0 | 1<<16
	}
	if slow, _ := b.world.Switch(sensors.Throttled, "processor", now); slow {
		bits |= 1<<2 | 1<<18
	}
	return bits, nil
}
