// Package all is the table of kinds: the only place that names every driver. The same rows check the configuration, print
// `pinhole kinds`, fill the README's table and are opened by the agent.
package all

import (
	"cmp"
	"slices"

	"pinhole/sensors/aht20"
	"pinhole/sensors/as3935"
	"pinhole/sensors/bme280"
	"pinhole/sensors/bme680"
	"pinhole/sensors/bmp180"
	"pinhole/sensors/bmp388"
	"pinhole/sensors/ccs811"
	"pinhole/sensors/ens160"
	"pinhole/sensors/gpio"
	"pinhole/sensors/hcsr04"
	"pinhole/sensors/host"
	"pinhole/sensors/hts221"
	"pinhole/sensors/htu21d"
	"pinhole/sensors/hwmon"
	"pinhole/sensors/iio"
	"pinhole/sensors/kind"
	"pinhole/sensors/max31855"
	"pinhole/sensors/max31865"
	"pinhole/sensors/mcp3xxx"
	"pinhole/sensors/mhz19"
	"pinhole/sensors/mock"
	"pinhole/sensors/onewire"
	"pinhole/sensors/pipower"
	"pinhole/sensors/pms5003"
	"pinhole/sensors/pulse"
	"pinhole/sensors/register"
	"pinhole/sensors/replay"
	"pinhole/sensors/scd30"
	"pinhole/sensors/scd4x"
	"pinhole/sensors/sgp30"
	"pinhole/sensors/sgp40"
	"pinhole/sensors/sht3x"
	"pinhole/sensors/sht4x"
	"pinhole/sensors/shtc3"
	"pinhole/sensors/thermal"
	"pinhole/sensors/tsl2561"
	"pinhole/sensors/tsl2591"
	"pinhole/sensors/veml6075"
	"pinhole/sensors/veml7700"
)

// Kinds returns every kind, sorted by name.
func Kinds() []kind.Kind {
	list := []kind.Kind{
		host.Kind(), hts221.Kind(), htu21d.Kind(), mock.Kind(), replay.Kind(), scd30.Kind(), scd4x.Kind(), sgp30.Kind(),
		sgp40.Kind(), sht3x.Kind(), sht4x.Kind(), shtc3.Kind(),
	}
	list = append(list, bme280.Kinds()...)
	list = append(list, max31855.Kind(), max31865.Kind())
	list = append(list, mcp3xxx.Kinds()...)
	list = append(list, mhz19.Kind(), pms5003.Kind())
	list = append(list, gpio.Kinds()...)
	list = append(list, hcsr04.Kind())
	list = append(list, pulse.Kinds()...)
	list = append(list, register.Kinds()...)
	list = append(list, aht20.Kinds()...)
	list = append(list, iio.Kinds()...)
	list = append(list, hwmon.Kind(), onewire.Kind(), thermal.Kind(), pipower.Kind())
	list = append(list, bmp180.Kind())
	list = append(list, bmp388.Kind())
	list = append(list, veml6075.Kind(), ccs811.Kind(), ens160.Kind(), as3935.Kind())
	list = append(list, veml7700.Kind())
	list = append(list, tsl2591.Kind())
	list = append(list, tsl2561.Kind())
	list = append(list, bme680.Kind())
	slices.SortFunc(list, func(a, b kind.Kind) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
