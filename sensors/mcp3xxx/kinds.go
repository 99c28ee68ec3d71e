package mcp3xxx

import (
	"context"
	"fmt"
	"slices"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// The words of the key ends.
const (
	endsError = "error"
	endsValue = "value"
)

func models() []model {
	return []model{{"mcp3004", 10, 4}, {"mcp3008", 10, 8}, {"mcp3204", 12, 4}, {"mcp3208", 12, 8}}
}

// Kinds returns the kinds mcp3004, mcp3008, mcp3204 and mcp3208.
func Kinds() (list []kind.Kind) {
	for _, m := range models() {
		list = append(list, describe(m))
	}
	return list
}

// inputs are the channels of a part, tables 5-1 and 5-2 of the datasheets: "3" is CH3 against ground, "2-3" is CH2 against CH3.
func inputs(m model) map[string]input {
	list := map[string]input{}
	for n := range byte(m.channels) {
		name := fmt.Sprint(n)
		list[name] = input{name, 8 | n}
		name = fmt.Sprintf("%d-%d", n, n^1)
		list[name] = input{name, n}
	}
	return list
}

// names are the channels in the order in which people read them.
func names(m model) (list []string) {
	for n := range m.channels {
		list = append(list, fmt.Sprint(n))
	}
	for n := range m.channels {
		list = append(list, fmt.Sprintf("%d-%d", n, n^1))
	}
	return list
}

func describe(m model) kind.Kind {
	title := "MCP" + m.name[3:]
	k := kind.Kind{
		Name:    m.name,
		Summary: fmt.Sprintf("%d analogue inputs as voltages, Microchip %s (%d bits)", m.channels, title, m.bits),
		Keys: append(kind.SPIKeys(),
			kind.Key{Name: "channels", Type: kind.List, Default: []any{"0"}, Min: new(1.0), Max: new(16.0),
				Help: "inputs to read: 3 is CH3 against ground, 2-3 is CH2 against CH3; of several, each is named SENSOR.CHANNEL",
				Elem: &kind.Key{Name: "channel", Type: kind.Enum, Enum: names(m), Help: "an input"}},
			kind.Key{Name: "vref", Type: kind.Float, Default: 3.3, Min: new(0.25), Max: new(7.0), Help: "voltage at pin VREF, in V"},
			kind.Key{Name: "ends", Type: kind.Enum, Enum: []string{endsError, endsValue}, Default: endsError,
				Help: "what the lowest and the highest code are: error (the voltage may lie beyond, or the part be missing) or value"}),
		Yields: func(p kind.Params) []sensors.Quantity {
			return slices.Repeat([]sensors.Quantity{sensors.Voltage}, len(p.List("channels")))
		},
		Bus:   kind.SPIBus,
		Check: check,
		Open:  func(_ context.Context, b kind.Board, p kind.Params) (any, error) { return open(b, m, p) },
		Manual: kind.Manual{
			Parts:     "Microchip " + title,
			Datasheet: "MCP3004/3008 data sheet DS21295, https://www.microchip.com/en-us/product/MCP3008",
			Wiring: [][2]string{
				{"VDD, VREF", "3V3 (pin 1)"},
				{"AGND, DGND", "GND (pin 9)"},
				{"CLK", "GPIO11, SCLK (pin 23)"},
				{"DOUT", "GPIO9, MISO (pin 21)"},
				{"DIN", "GPIO10, MOSI (pin 19)"},
				{"CS/SHDN", "GPIO8, CE0 (pin 24) for device 0.0; GPIO7, CE1 (pin 26) for 0.1"},
			},
			Range: fmt.Sprintf("0 V to vref in steps of vref/%d; ±1 step, plus the error of vref", 1<<m.bits),
			Notes: []string{
				"Switch SPI on once: sudo raspi-config nonint do_spi 0, or dtparam=spi=on in config.txt, then restart the board.",
				"Supply it with 3.3 V: at 5 V its data line would put 5 V on a pin of the board that does not stand it.",
				"The value is as good as vref: the board's 3.3 V may be 3 % off and moves with its load. A reference part does better.",
				"A part that is missing reads as ones, which is an error of class absent, or as zeros, which is just what 0 V reads. " +
					"That is why the lowest code is an error of class range; the highest is one too, as the voltage may be above vref.",
				"With `ends: value` an input may rest at 0 V or at vref (a switch, a dark photodiode). A part that is gone then reads as 0 V.",
				"Each value is the median of three conversions: the part has no checksum, and a wrong bit on the wire would convert another channel.",
				"The source should have less than 1 kOhm, or a capacitor of 100 nF at the input: the part samples within 1.5 us.",
				"An input against its neighbour (2-3) measures from 0 V up. Where CH2 lies below CH3 the code is 0; 3-2 reads it.",
				"To report another quantity than volts use filter calibrate.",
			},
			Example: "name: soil\nkind: " + m.name + "\nevery: 10s\ndevice: \"0.0\"\nchannels: [0]\n",
			Further: []string{"name: tank\nkind: " + m.name + "\nevery: 1s\nchannels: [0, 1, 2-3]\nvref: 3.0\n"},
		},
	}
	if m.bits == 12 {
		k.Manual.Datasheet = "MCP3204/3208 data sheet DS21298, https://www.microchip.com/en-us/product/MCP3208"
	}
	return k
}

func check(p kind.Params) []kind.Problem {
	problems := kind.CheckSPI(p)
	seen := map[any]bool{}
	for i, c := range p.List("channels") {
		if seen[c] {
			problems = append(problems, kind.Problem{Key: fmt.Sprintf("channels[%d]", i), Message: fmt.Sprintf("channel %s is listed twice", c),
				Hint: "list each once"})
		}
		seen[c] = true
	}
	return problems
}
