package gpio

import (
	"context"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kinds returns the kind gpio.
func Kinds() []kind.Kind {
	return []kind.Kind{{
		Name:    "gpio",
		Summary: "contact, button, motion detector or level on an input line",
		Event:   true,
		Keys: []kind.Key{
			{Name: "pin", Type: kind.Pin, Required: true, Help: "the line: GPIO17 is that of the header, LABEL:OFFSET one of another chip"},
			{Name: "quantity", Type: kind.Enum, Default: string(sensors.Contact), Help: "what true means: contact closed, motion seen, line active",
				Enum: []string{string(sensors.Contact), string(sensors.Motion), string(sensors.Level)}},
			{Name: "pull", Type: kind.Enum, Help: "bias of the line; up for a contact, down for motion and as-is for a level unless given",
				Enum: []string{string(kind.PullUp), string(kind.PullDown), string(kind.PullNone), string(kind.PullAsIs)}},
			{Name: "active_low", Type: kind.Bool, Help: "a low line is true; unless given, so it is for a contact that is not pulled down"},
			{Name: "debounce", Type: kind.Duration, Default: 20 * time.Millisecond, Min: new(0.0), Max: new(10.0),
				Help: "a level counts when it has been there this long; 0s for none"},
			{Name: "poll", Type: kind.Duration, Min: new(0.001), Max: new(60.0),
				Help: "look at the level this often instead of waiting for edges: for chips without interrupts, as some expanders are"},
		},
		Yields: func(p kind.Params) []sensors.Quantity {
			return []sensors.Quantity{sensors.Quantity(p.String("quantity"))}
		},
		Open: func(_ context.Context, b kind.Board, p kind.Params) (any, error) {
			d, err := open(b, p)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
		Manual: kind.Manual{
			Parts: "reed contact, door or window switch, button, PIR module (HC-SR501 and the like), float switch, any 3.3 V output",
			Datasheet: "Linux GPIO character device, version 2 (kernel 5.10 or later), " +
				"https://docs.kernel.org/userspace-api/gpio/chardev.html",
			Wiring: [][2]string{
				{"contact, one end", "GPIO17 (pin 11), or another free line"},
				{"contact, other end", "GND (pin 9)"},
				{"PIR OUT", "GPIO27 (pin 13); its VCC to 5V (pin 2), its output is 3.3 V"},
			},
			Range: "0 to 3.3 V; lines of a Raspberry Pi do not survive 5 V",
			Notes: []string{
				"The present state is reported at the start, then every change with the kernel's time for it.",
				"GPIO2 and GPIO3 have fixed 1.8 kOhm pull-ups and belong to I2C; GPIO14 and GPIO15 are the serial port.",
				"The inner pull-up is about 50 kOhm: for more than a few metres of wire add 4.7 kOhm from the line to 3V3.",
				"Lines are found by the label of their chip, never by its number, which changes with the kernel: GPIO17 is line 17 " +
					"of pinctrl-bcm2835 (Pi Zero to 3), pinctrl-bcm2711 (4) or pinctrl-rp1 (5).",
				"Where edges were lost (a storm of more than 1024) an error of class io marks the hole, and the state as it is then " +
					"follows within about a second.",
				"The kernel refuses edges where a chip, or its wiring, has no interrupt (\"reports no edges\"): poll: 50ms looks at the level " +
					"instead. What is shorter than that is then missed, and times are those of the look.",
				"The user needs group gpio.",
			},
			Example: "name: door\nkind: gpio\npin: GPIO17\nquantity: contact\n",
		},
	}}
}
