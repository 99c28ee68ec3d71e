package crosscheck

import (
	"fmt"
	"math"
	"time"

	"tinygo.org/x/drivers"
	"tinygo.org/x/drivers/adt7410"
	"tinygo.org/x/drivers/adxl345"
	"tinygo.org/x/drivers/aht20"
	"tinygo.org/x/drivers/bh1750"
	"tinygo.org/x/drivers/bme280"
	"tinygo.org/x/drivers/bmp180"
	"tinygo.org/x/drivers/bmp280"
	"tinygo.org/x/drivers/bmp388"
	"tinygo.org/x/drivers/ens160"
	"tinygo.org/x/drivers/ina219"
	"tinygo.org/x/drivers/ina260"
	"tinygo.org/x/drivers/ina3221"
	"tinygo.org/x/drivers/lps22hb"
	"tinygo.org/x/drivers/mcp9808"
	"tinygo.org/x/drivers/mpu6050"
	"tinygo.org/x/drivers/scd30"
	"tinygo.org/x/drivers/scd4x"
	"tinygo.org/x/drivers/sgp30"
	"tinygo.org/x/drivers/sht3x"
	"tinygo.org/x/drivers/sht4x"
	"tinygo.org/x/drivers/shtc3"
	"tinygo.org/x/drivers/tmp102"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Ranges that many parts have.
var (
	celsius  = [2]float64{-39.9, 84.9}
	humidity = [2]float64{1, 99}
	pascals  = [2]float64{30500, 109500}
)

func milli[T int16 | int32](v T) float64 { return float64(v) / 1000 }

// parts are the kinds for which there is a second implementation.
func parts() map[string]part {
	air := map[sensors.Quantity][2]float64{sensors.Temperature: celsius, sensors.RelativeHumidity: humidity}
	weather := map[sensors.Quantity][2]float64{sensors.Temperature: celsius, sensors.RelativeHumidity: humidity, sensors.Pressure: pascals}
	barometer := map[sensors.Quantity][2]float64{sensors.Temperature: celsius, sensors.Pressure: pascals}
	return map[string]part{
		"bme280": {
			params: kind.Params{"oversampling": int64(16)}, truth: weather,
			within: values{sensors.Temperature: 0.011, sensors.Pressure: 1.3, sensors.RelativeHumidity: 0.1},
			read: func(bus *wire, addr uint16) (values, error) {
				d := bme280.New(bus)
				d.Address = addr
				d.ConfigureWithSettings(bme280.Config{Mode: bme280.ModeForced, Temperature: bme280.Sampling16X, Humidity: bme280.Sampling16X,
					Pressure: bme280.Sampling16X})
				return air3(d.ReadTemperature, d.ReadPressure, d.ReadHumidity)
			},
			wrong: map[sensors.Quantity]mistake{sensors.RelativeHumidity: {"H4 and H5 have 12 bits with sign, and it takes them without",
				func(_ float64, s state) (float64, bool) { return math.NaN(), s.variant > 0 }}}, // those have negative ones
		},
		"bmp280": {
			params: kind.Params{"oversampling": int64(16)}, truth: barometer,
			// The other one's formula has 32 bits, the datasheet's second choice: it is some Pa off.
			within: values{sensors.Temperature: 0.011, sensors.Pressure: 8},
			read: func(bus *wire, addr uint16) (values, error) {
				d := bmp280.New(bus)
				d.Address = addr
				d.Configure(bmp280.STANDBY_1MS, bmp280.FILTER_OFF, bmp280.SAMPLING_16X, bmp280.SAMPLING_16X, bmp280.MODE_FORCED)
				return air3(d.ReadTemperature, d.ReadPressure, nil)
			},
		},
		"bmp180": {
			params: kind.Params{"oversampling": int64(8)}, truth: barometer,
			// The same formula in whole numbers. It rounds a negative quotient up, where the datasheet's example (figure 4, X2) has it
			// rounded down: that is 1/160 Cel, and 2 Pa. And it doubles the pressure after a division, for lack of bits.
			within: values{sensors.Temperature: 0.1001, sensors.Pressure: 5},
			read: func(bus *wire, addr uint16) (values, error) {
				d := bmp180.New(bus)
				d.Address = addr
				d.Configure()
				return air3(d.ReadTemperature, d.ReadPressure, nil)
			},
		},
		"bmp388": {
			params: kind.Params{"oversampling": int64(16)}, truth: barometer,
			within: values{sensors.Temperature: 0.011, sensors.Pressure: 1},
			read: func(bus *wire, addr uint16) (values, error) {
				bus.odd = func(addr uint16, out, in []byte) (bool, error) {
					if len(out) == 1 && out[0] == bmp388.RegChipId && len(in) == 1 { // it does not know the BMP390
						in[0] = bmp388.ChipId
						return true, nil
					}
					return false, nil
				}
				d := bmp388.New(bus)
				d.Address = uint8(addr)
				if err := d.Configure(bmp388.Config{Mode: bmp388.Sleep, Pressure: bmp388.Sampling16X, Temperature: bmp388.Sampling16X}); err != nil {
					return nil, err
				}
				t, err := d.ReadTemperature()
				if err != nil {
					return nil, err
				}
				p, err := d.ReadPressure()
				return values{sensors.Temperature: float64(t) / 100, sensors.Pressure: float64(p) / 100}, err
			},
		},
		"sht3x": {
			truth: air, within: values{sensors.Temperature: 0.0061, sensors.RelativeHumidity: 0.0151},
			read: func(bus *wire, addr uint16) (values, error) {
				d := sht3x.New(bus)
				d.Address = addr
				t, h, err := d.ReadTemperatureHumidity()
				return values{sensors.Temperature: milli(t), sensors.RelativeHumidity: float64(h) / 100}, err
			},
		},
		"sht4x": {
			truth: air, within: values{sensors.Temperature: 0.0101, sensors.RelativeHumidity: 0.0101},
			read: func(bus *wire, addr uint16) (values, error) {
				d := sht4x.New(bus)
				t, h, err := d.ReadTemperatureHumidity()
				return values{sensors.Temperature: milli(t), sensors.RelativeHumidity: milli(h)}, err
			},
		},
		"shtc3": {
			truth: air, within: values{sensors.Temperature: 0.0061, sensors.RelativeHumidity: 0.0151},
			read: func(bus *wire, addr uint16) (values, error) {
				bus.odd = func(addr uint16, out, in []byte) (bool, error) {
					if string(out) != shtc3.SHTC3_CMD_MEASURE_HP { // it has the part stretch the clock
						return false, nil
					}
					if err := bus.Bus.Tx(addr, []byte{0x78, 0x66}, nil); err != nil {
						return true, err
					}
					time.Sleep(15 * time.Millisecond)
					return true, bus.Bus.Tx(addr, nil, in)
				}
				d := shtc3.New(bus)
				if err := d.WakeUp(); err != nil {
					return nil, err
				}
				t, h, err := d.ReadTemperatureHumidity()
				return values{sensors.Temperature: milli(t), sensors.RelativeHumidity: float64(h) / 100}, err
			},
		},
		"aht20": {
			truth: air, within: values{sensors.Temperature: 0.0051, sensors.RelativeHumidity: 0.0051},
			read: func(bus *wire, addr uint16) (values, error) {
				d := aht20.New(bus)
				d.Configure()
				err := d.Read()
				return values{sensors.Temperature: float64(d.Celsius()), sensors.RelativeHumidity: float64(d.RelHumidity())}, err
			},
		},
		"scd4x": {
			truth: map[sensors.Quantity][2]float64{sensors.CO2: {400, 5000}, sensors.Temperature: {-9, 59}, sensors.RelativeHumidity: humidity},
			warm:  6 * time.Second,
			// It divides by 2^16, as the first datasheets do; later ones have 2^16-1.
			within: values{sensors.CO2: 0.001, sensors.Temperature: 0.009, sensors.RelativeHumidity: 0.0171},
			read: func(bus *wire, addr uint16) (values, error) {
				d := scd4x.New(bus)
				time.Sleep(6 * time.Second) // it measures by itself
				err := d.ReadData()
				return values{sensors.CO2: float64(d.CO2()), sensors.Temperature: milli(d.Temperature()), sensors.RelativeHumidity: float64(d.Humidity()) / 100}, err
			},
		},
		"scd30": {
			truth:  map[sensors.Quantity][2]float64{sensors.CO2: {400, 9900}, sensors.Temperature: {-39, 69}, sensors.RelativeHumidity: humidity},
			warm:   2500 * time.Millisecond,
			within: values{sensors.CO2: 0.6, sensors.Temperature: 0.0061, sensors.RelativeHumidity: 0.0151},
			read: func(bus *wire, addr uint16) (values, error) {
				d := scd30.New(bus)
				time.Sleep(2500 * time.Millisecond)
				err := d.ReadMeasurement()
				return values{sensors.CO2: float64(d.CO2()), sensors.Temperature: milli(d.Temperature()), sensors.RelativeHumidity: float64(d.Humidity()) / 100}, err
			},
		},
		"sgp30": {
			truth: map[sensors.Quantity][2]float64{sensors.TVOC: {0, 60000}, sensors.CO2Equivalent: {400, 60000}}, warm: 5 * time.Minute,
			within: values{sensors.TVOC: 0.001, sensors.CO2Equivalent: 0.001},
			read: func(bus *wire, addr uint16) (values, error) {
				d := sgp30.New(bus)
				time.Sleep(time.Second)
				err := d.Update(drivers.Concentration)
				return values{sensors.TVOC: float64(d.TVOC()), sensors.CO2Equivalent: float64(d.CO2())}, err
			},
		},
		"ens160": {
			truth: map[sensors.Quantity][2]float64{sensors.TVOC: {0, 64900}, sensors.CO2Equivalent: {400, 64900}, sensors.AQIUBA: {1, 5}}, warm: 5 * time.Minute,
			within: values{sensors.TVOC: 0.001, sensors.CO2Equivalent: 0.001, sensors.AQIUBA: 0.001},
			read: func(bus *wire, addr uint16) (values, error) {
				d := ens160.New(bus, addr)
				err := d.Update(drivers.Concentration)
				return values{sensors.TVOC: float64(d.TVOC()), sensors.CO2Equivalent: float64(d.ECO2()), sensors.AQIUBA: float64(d.AQI())}, err
			},
		},
		"tmp102": {
			truth: map[sensors.Quantity][2]float64{sensors.Temperature: {-39.9, 124.9}}, within: values{sensors.Temperature: 0.001},
			read: func(bus *wire, addr uint16) (values, error) {
				d := tmp102.New(bus)
				d.Configure(tmp102.Config{Address: uint8(addr)})
				return air3(d.ReadTemperature, nil, nil)
			},
		},
		"mcp9808": {
			truth: map[sensors.Quantity][2]float64{sensors.Temperature: {-39.9, 124.9}}, within: values{sensors.Temperature: 0.001},
			read: func(bus *wire, addr uint16) (values, error) {
				d := mcp9808.New(bus)
				d.Address = addr
				t, err := d.ReadTemperature()
				return values{sensors.Temperature: t}, err
			},
			wrong: map[sensors.Quantity]mistake{sensors.Temperature: {"below 0 Cel it works the value out and then overwrites it",
				func(right float64, _ state) (float64, bool) { return right + 256, right < 0 }}},
		},
		"adt7410": {
			truth: map[sensors.Quantity][2]float64{sensors.Temperature: {-54, 149}}, within: values{sensors.Temperature: 0.0011},
			read: func(bus *wire, addr uint16) (values, error) {
				d := adt7410.New(bus)
				d.Address = uint8(addr)
				return air3(d.ReadTemperature, nil, nil)
			},
			wrong: map[sensors.Quantity]mistake{sensors.Temperature: {"it takes 16 bits with sign without",
				func(right float64, _ state) (float64, bool) { return right + 512, right < 0 }}},
		},
		"lps22hb": {
			truth:  map[sensors.Quantity][2]float64{sensors.Temperature: celsius, sensors.Pressure: {26100, 125900}},
			within: values{sensors.Temperature: 0.0021, sensors.Pressure: 0.35}, // one of them works in 24 bits of hPa
			read: func(bus *wire, addr uint16) (values, error) {
				d := lps22hb.New(bus)
				d.Address = uint8(addr)
				t, err := d.ReadTemperature()
				if err != nil {
					return nil, err
				}
				p, err := d.ReadPressure()
				return values{sensors.Temperature: milli(t), sensors.Pressure: float64(p) / 10}, err // it says mPa and gives Pa/10
			},
		},
		"bh1750": {
			truth: map[sensors.Quantity][2]float64{sensors.Illuminance: {1, 54000}}, within: values{sensors.Illuminance: 0.06},
			read: func(bus *wire, addr uint16) (values, error) {
				d := bh1750.New(bus)
				d.Address = addr
				return values{sensors.Illuminance: milli(d.Illuminance())}, nil
			},
		},
		"ina219": {
			truth:  map[sensors.Quantity][2]float64{sensors.Voltage: {0, 26}, sensors.Current: {-3.1, 3.1}},
			within: values{sensors.Voltage: 0.0001}, // the current depends on what each side writes into the calibration
			read: func(bus *wire, addr uint16) (values, error) {
				d := ina219.New(bus)
				d.Address = addr
				u, err := d.BusVoltage()
				return values{sensors.Voltage: milli(u)}, err
			},
			wrong: map[sensors.Quantity]mistake{sensors.Voltage: {"it takes the bus voltage, which has no sign, for a number with one",
				func(right float64, _ state) (float64, bool) { return right - 32.768, right >= 16.384 }}},
		},
		"ina260": {
			truth:  map[sensors.Quantity][2]float64{sensors.Voltage: {0, 36}, sensors.Current: {-15, 15}, sensors.Power: {0, 400}},
			within: values{sensors.Voltage: 0.0001, sensors.Current: 0.0001, sensors.Power: 0.0001},
			read: func(bus *wire, addr uint16) (values, error) {
				d := ina260.New(bus)
				d.Address = addr
				if !d.Connected() {
					return nil, fmt.Errorf("not connected")
				}
				return values{sensors.Voltage: float64(d.Voltage()) / 1e6, sensors.Current: float64(d.Current()) / 1e6,
					sensors.Power: float64(d.Power()) / 1e6}, nil
			},
			wrong: map[sensors.Quantity]mistake{sensors.Power: {"it leaves power without the sign that current has",
				func(right float64, _ state) (float64, bool) { return -right, right < 0 }}},
		},
		"ina3221": {
			truth:  map[sensors.Quantity][2]float64{sensors.Voltage: {0, 26}, sensors.Current: {-1.6, 1.6}},
			within: values{sensors.Voltage: 0.0001, sensors.Current: 0.0001},
			read: func(bus *wire, addr uint16) (values, error) {
				d := ina3221.New(bus)
				d.Address = addr
				u, err := d.BusVoltage(ina3221.Channel1)
				if err != nil {
					return nil, err
				}
				i, err := d.Current(ina3221.Channel1)
				return values{sensors.Voltage: float64(u) / 1e6, sensors.Current: float64(i) / 1e6}, err
			},
		},
		"mpu6050": {
			truth: map[sensors.Quantity][2]float64{sensors.Temperature: {-39, 84}, sensors.AccelerationX: {-19.5, 19.5}, sensors.AccelerationY: {-19.5, 19.5},
				sensors.AccelerationZ: {-19.5, 19.5}, sensors.AngularRateX: {-249, 249}, sensors.AngularRateY: {-249, 249}, sensors.AngularRateZ: {-249, 249}},
			// The turn rate by 250/32768 and by 1/131 deg/s differs by 0.06 %, the datasheet has both.
			within: values{sensors.AccelerationX: 0.0002, sensors.AccelerationY: 0.0002, sensors.AccelerationZ: 0.0002,
				sensors.AngularRateX: 0.16, sensors.AngularRateY: 0.16, sensors.AngularRateZ: 0.16},
			read: func(bus *wire, addr uint16) (values, error) {
				d := mpu6050.New(bus)
				x, y, z := d.ReadAcceleration()
				a, b, c := d.ReadRotation()
				g := func(v int32) float64 { return float64(v) / 1e6 * 9.80665 }
				return values{sensors.AccelerationX: g(x), sensors.AccelerationY: g(y), sensors.AccelerationZ: g(z),
					sensors.AngularRateX: float64(a) / 1e6, sensors.AngularRateY: float64(b) / 1e6, sensors.AngularRateZ: float64(c) / 1e6}, nil
			},
		},
		"adxl345": {
			truth:  map[sensors.Quantity][2]float64{sensors.AccelerationX: {-19, 19}, sensors.AccelerationY: {-19, 19}, sensors.AccelerationZ: {-19, 19}},
			within: values{sensors.AccelerationX: 0.0002, sensors.AccelerationY: 0.0002, sensors.AccelerationZ: 0.0002},
			read: func(bus *wire, addr uint16) (values, error) {
				d := adxl345.New(bus)
				d.Address = addr
				x, y, z, err := d.ReadAcceleration()
				// It rounds the step of 1/256 g to 4 mg.
				g := func(v int32) float64 { return float64(v) / 4 / 256 * 9.80665 }
				return values{sensors.AccelerationX: g(x), sensors.AccelerationY: g(y), sensors.AccelerationZ: g(z)}, err
			},
		},
	}
}

// air3 asks for temperature in mCel, pressure in mPa and humidity in hundredths, as far as there are such.
func air3(temperature, pressure, humid func() (int32, error)) (values, error) {
	got := values{}
	for _, r := range []struct {
		q     sensors.Quantity
		ask   func() (int32, error)
		scale float64
	}{{sensors.Temperature, temperature, 1000}, {sensors.Pressure, pressure, 1000}, {sensors.RelativeHumidity, humid, 100}} {
		if r.ask == nil {
			continue
		}
		v, err := r.ask()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.q, err)
		}
		got[r.q] = float64(v) / r.scale
	}
	return got, nil
}
