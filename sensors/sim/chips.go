package sim

import (
	"hash/fnv"

	"pinhole/sensors/kind"
	"pinhole/sensors/register/chips"
)

// chip is one row of the table of simulated chips.
type chip struct {
	kind string // the sensor kind that talks to it
	make func(Env) Chip
}

// Env is what a chip finds around it.
type Env struct {
	World   World
	Place   string      // "i2c-1/0x76", "spi-0.0", "uart:/dev/serial0": where it measures
	Variant uint32      // which of a chip's sets of factory constants this one has
	Address uint16      // on its bus; 0: the usual one
	Params  kind.Params // of the sensor that it was attached for; nil: the defaults
}

// all lists what can be attached.
func all() []chip {
	list := []chip{
		{"bme280", newBME280},
		{"bmp280", newBMP280},
		{"sht3x", newSHT3x},
		{"sht4x", newSHT4x},
		{"shtc3", newSHTC3},
		{"aht10", newAHT10},
		{"aht20", newAHT20},
		{"hts221", newHTS221},
		{"htu21d", newHTU21D},
		{"scd4x", newSCD4x},
		{"scd30", newSCD30},
		{"ccs811", newCCS811},
		{"ens160", newENS160},
		{"as3935", newAS3935},
		{"sgp30", newSGP30},
		{"sgp40", newSGP40},
		{"bme680", newBME680},
		{"tsl2561", newTSL2561},
		{"tsl2591", newTSL2591},
		{"veml6075", newVEML6075},
		{"veml7700", newVEML7700},
		{"bmp388", newBMP388},
		{"bmp180", newBMP180},
	}
	for _, s := range chips.All() {
		list = append(list, chip{s.Kind, shippedChip(s)})
	}
	return list
}

// NewChip makes the chip that sensors of a kind talk to, for Plug; nil if there is none.
func NewChip(kindName string, e Env) Chip {
	if kindName == "register" {
		return ownChip(e)
	}
	for _, c := range all() {
		if c.kind == kindName {
			return c.make(e)
		}
	}
	return nil
}

// Chips lists the kinds for which there is a simulated chip.
func Chips() []string {
	var names []string
	for _, c := range all() {
		names = append(names, c.kind)
	}
	return names
}

// spiChip and talker are rows of the tables of the other buses.
type spiChip struct {
	kind string
	make func(Env) SPIChip
}

type talker struct {
	kind string
	make func(Env) Talker
}

func allSPI() []spiChip {
	return []spiChip{
		{"mcp3004", mcp3(10, 4)},
		{"mcp3008", mcp3(10, 8)},
		{"mcp3204", mcp3(12, 4)},
		{"mcp3208", mcp3(12, 8)},
		{"max31855", newMAX31855},
		{"max31865", newMAX31865},
	}
}

func allTalkers() []talker {
	return []talker{
		{"pms5003", newPMS5003},
		{"mhz19", newMHZ19},
	}
}

// NewSPIChip makes the chip that sensors of a kind talk to over SPI, for PlugSPI; nil if there is none.
func NewSPIChip(kindName string, e Env) SPIChip {
	for _, c := range allSPI() {
		if c.kind == kindName {
			return c.make(e)
		}
	}
	return nil
}

// SPIChips lists the kinds for which there is a simulated chip on SPI.
func SPIChips() (names []string) {
	for _, c := range allSPI() {
		names = append(names, c.kind)
	}
	return names
}

// NewTalker makes the part that sensors of a kind talk to at a serial port, for PlugTalker; nil if there is none.
func NewTalker(kindName string, e Env) Talker {
	for _, c := range allTalkers() {
		if c.kind == kindName {
			return c.make(e)
		}
	}
	return nil
}

// Talkers lists the kinds for which there is a simulated part at a serial port.
func Talkers() (names []string) {
	for _, c := range allTalkers() {
		names = append(names, c.kind)
	}
	return names
}

// variant spreads chips at different places over the sets of factory constants.
func variant(place string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(place))
	return h.Sum32()
}
