package iio

import (
	"math"
	"strings"

	"pinhole/sensors"
)

// limit is what a quantity can be, on devices whose name begins with device.
type limit struct {
	device    string
	quantity  sensors.Quantity
	low, high float64
	hint      string
}

// limits lists them; the first row that fits counts. Humidity may overshoot by 5 %RH and is then put to its limit, as datasheets
// advise.
var limits = [...]limit{
	{"dht11", sensors.Temperature, -40, 80, ""}, // the DHT22's; the DHT11's is less
	{"dht11", sensors.RelativeHumidity, 0, 100, ""},
	{"bme68", sensors.Pressure, 30e3, 125e3, "kernels before 6.10 give this chip's pressure in hPa instead of kPa: update the kernel"},
	{"bm", sensors.Pressure, 25e3, 130e3, ""}, // Bosch's other ones measure 30 to 110 or 125 kPa
	{"", sensors.Temperature, -273.15, 3000, ""},
	{"", sensors.RelativeHumidity, -5, 105, ""},
	{"", sensors.Pressure, 1, 1e9, ""},
	{"", sensors.Illuminance, 0, 1e6, ""},
	{"", sensors.UVIndex, 0, 100, ""},
	{"", sensors.CO2, 0, 1e6, ""},
	{"", sensors.TVOC, 0, 1e9, ""},
	{"", sensors.PM1, 0, 1e6, ""},
	{"", sensors.PM25, 0, 1e6, ""},
	{"", sensors.PM10, 0, 1e6, ""},
	{"", sensors.Voltage, -1e6, 1e6, ""},
	{"", sensors.Current, -1e6, 1e6, ""},
	{"", sensors.Power, -1e9, 1e9, ""},
	{"", sensors.Resistance, 0, 1e12, ""},
	{"", sensors.GasResistance, 0, 1e12, ""},
	{"", sensors.Distance, 0, 1e5, ""},
}

// limitOf returns the limits of a device's quantity; without bounds where none are known.
func limitOf(device string, q sensors.Quantity) limit {
	for _, l := range limits {
		if l.quantity == q && strings.HasPrefix(device, l.device) {
			return l
		}
	}
	return limit{low: -math.MaxFloat64, high: math.MaxFloat64}
}
