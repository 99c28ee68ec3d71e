package pulse

import (
	"context"
	"fmt"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// maxMarks bounds a window in intervals, and so what is remembered of it.
const maxMarks = 1000

// lineKeys are those of every counted line.
func lineKeys() []kind.Key {
	return []kind.Key{
		{Name: "edge", Type: kind.Enum, Default: "begin", Enum: []string{"begin", "end", "both"},
			Help: "what counts: the line becomes active, or inactive, or each of it (two a pulse)"},
		{Name: "pull", Type: kind.Enum, Default: string(kind.PullUp), Help: "bias of the line",
			Enum: []string{string(kind.PullUp), string(kind.PullDown), string(kind.PullNone), string(kind.PullAsIs)}},
		{Name: "active_low", Type: kind.Bool, Help: "a pulse draws the line low; unless given, so it is where the line is not pulled down"},
		{Name: "debounce", Type: kind.Duration, Default: time.Duration(0), Min: new(0.0), Max: new(10.0),
			Help: "a level counts when it has been there this long: 10ms for a reed contact, none for electronics. Shorter pulses are lost"},
	}
}

func pinKey() kind.Key {
	return kind.Key{Name: "pin", Type: kind.Pin, Required: true, Help: "the line: GPIO5 is that of the header, LABEL:OFFSET one of another chip"}
}

const datasheet = "Linux GPIO character device, version 2 (kernel 5.10 or later), https://docs.kernel.org/userspace-api/gpio/chardev.html"

// Kinds returns the kinds pulse and frequency.
func Kinds() []kind.Kind { return []kind.Kind{pulseKind(), frequencyKind()} }

func pulseKind() kind.Kind {
	var quantities []string
	for _, w := range what {
		quantities = append(quantities, string(w.total))
	}
	keys := append([]kind.Key{pinKey(),
		{Name: "quantity", Type: kind.Enum, Default: string(sensors.Count), Enum: quantities,
			Help: "what the pulses add up to. With each comes its rate: frequency, flow_rate, power, rainfall_rate, speed"},
		{Name: "scale", Type: kind.Float, Min: new(0.0), Help: "how much a pulse is, in the quantity's unit (m3, Wh, mm, m); 1 if left out"},
		{Name: "pulses_per_unit", Type: kind.Float, Min: new(0.0), Help: "instead of scale: how many pulses make one unit"},
		{Name: "initial", Type: kind.Float, Min: new(0.0),
			Help: "what the meter shows now, in the quantity's unit; 0 if left out. The total goes on from there, and again whenever this value is changed"},
		{Name: "report", Type: kind.Enum, Default: both, Enum: []string{both, onlyTotal, onlyRate}, Help: "the total, its rate, or both"},
		{Name: "window", Type: kind.Duration, Min: new(0.01), Max: new(86400.0),
			Help: "over how long the rate is taken: no less than every, and up to 1000 times that; 1m, or every if that is longer, if left out"},
		{Name: "save", Type: kind.Duration, Default: time.Minute, Min: new(1.0), Max: new(86400.0),
			Help: "while pulses come, how often the total is written to disk, and so reported; a power cut costs the pulses of that time"},
	}, lineKeys()...)
	return kind.Kind{
		Name:    "pulse",
		Summary: "pulse counter with a total that outlives restarts: water, gas, electricity, rain, wind",
		Event:   true,
		Paced:   true,
		Keys:    keys,
		Yields:  yields,
		Check:   checkPulse,
		Open: func(_ context.Context, b kind.Board, p kind.Params) (any, error) {
			d, err := openPulse(b, p)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
		Manual: kind.Manual{
			Parts: "water and gas meters with a reed contact or pulse output, S0 outputs of electricity meters (IEC 62053-31), tipping-bucket rain " +
				"gauges, cup anemometers, Hall flow sensors (YF-S201 and the like)",
			Datasheet: datasheet,
			Wiring: [][2]string{
				{"contact or S0+, one end", "GPIO5 (pin 29), or another free line"},
				{"other end, or S0-", "GND (pin 30)"},
				{"Hall sensor, open collector", "its supply to 5V (pin 2), its output to GPIO5, which is pulled up to 3.3 V"},
			},
			Range: "up to 1000 pulses a second; rates of 0 where nothing came for a whole window",
			Notes: []string{
				"Set debounce for contacts, which bounce for milliseconds and are counted several times without. The kernel's debouncing " +
					"ticks in steps of 1 to 10 ms, so leave it away for pulses faster than 50 Hz.",
				"The total is on disk before it is reported: it never goes back, not even when power fails. It belongs to the line and the quantity " +
					"(folder state/pulse below publisher.queue.dir), so a sensor may be renamed; after a change of scale it goes on from where it was.",
				"Pulses that come while the agent does not run are not counted. Compare with the meter now and then, and set initial to what it shows.",
				"If the file of the total is damaged, the total is an error until initial is set to another value; the rate goes on.",
				"The kernel keeps 1024 edges, a second of them at 1 kHz. What it has to drop after that shows in the edges' numbers: it is counted, " +
					"and an error of class io says where it was.",
				"Not every loss shows. The kernel numbers an edge in a thread of the line's own; edges that come before that thread has run are one " +
					"edge to it, without a gap in the numbers. It happens where lines with fast signals, or other threads of its priority " +
					"(real time, 50), keep a processor busy for longer than a pulse: keep bouncing or floating lines off a board that bills.",
				"The rate is the mean over the window, to the accuracy of the kernel's time stamps where the signal was there all the time, else to one pulse a window.",
				"With report: rate nothing is kept and nothing is written: right for wind.",
				"An S0 output is polarised and bears 27 V and 27 mA at most; the inner pull-up gives 0.07 mA, which some outputs do not switch " +
					"well: add 1 kOhm from the line to 3V3.",
			},
			Example: "name: water\nkind: pulse\npin: GPIO5\nquantity: volume\nscale: 0.001          # 1 l a pulse\ninitial: 1234.567     # what the meter shows\ndebounce: 10ms\n",
			Further: []string{
				"name: house\nkind: pulse\npin: GPIO6\nquantity: energy\npulses_per_unit: 1    # 1000 pulses a kWh are 1 a Wh\n",
				"name: rain\nkind: pulse\npin: GPIO13\nquantity: rainfall\nscale: 0.2794         # mm, one tip of the bucket\nwindow: 10m\ndebounce: 20ms\n",
				"name: wind\nkind: pulse\npin: GPIO19\nquantity: distance\nscale: 0.667          # m of wind, one turn: 2.4 km/h at 1 Hz\nreport: rate\n" +
					"every: 3s\nwindow: 3s\ndebounce: 2ms\n",
				"name: flow\nkind: pulse\npin: GPIO26\nquantity: volume\npulses_per_unit: 450000   # YF-S201: 450 pulses a litre\nwindow: 10s\n",
			},
		},
	}
}

func yields(p kind.Params) (list []sensors.Quantity) {
	for _, w := range what {
		if w.total != sensors.Quantity(p.String("quantity")) {
			continue
		}
		if p.String("report") != onlyRate {
			list = append(list, w.total)
		}
		if p.String("report") != onlyTotal {
			list = append(list, w.rate)
		}
	}
	return list
}

func checkPulse(p kind.Params) (list []kind.Problem) {
	add := func(key, message, hint string) {
		list = append(list, kind.Problem{Key: key, Message: message, Hint: hint})
	}
	if p.Has("scale") && p.Has("pulses_per_unit") {
		add("pulses_per_unit", "scale says that already", "keep one of them")
	}
	for _, key := range []string{"scale", "pulses_per_unit"} {
		if p.Has(key) && p.Float(key) <= 0 {
			add(key, "must be more than 0", "scale is units a pulse, pulses_per_unit pulses a unit")
		}
	}
	if every, w := p.Duration("every"), window(p); p.String("report") == onlyTotal {
		if p.Has("window") {
			add("window", "belongs to the rate, which is not reported", "remove it, or report")
		}
	} else if w < every {
		add("window", fmt.Sprintf("%v is shorter than every, %v: what comes in between would not count", w, every), "make it as long at least")
	} else if w > maxMarks*every {
		add("window", fmt.Sprintf("%v is more than %d times every, %v", w, maxMarks, every), "shorten it, or report less often")
	}
	if p.String("report") == onlyRate && p.Has("initial") {
		add("initial", "belongs to the total, which is not reported", "remove it, or report")
	}
	return list
}

func frequencyKind() kind.Kind {
	keys := append([]kind.Key{pinKey(),
		{Name: "pulses", Type: kind.Int, Default: int64(1), Min: new(1.0), Max: new(10000.0),
			Help: "pulses that make one cycle: most fans give 2 a turn"},
		{Name: "max", Type: kind.Float, Default: 10000.0, Min: new(0.0), Help: "in Hz, after pulses; more is noise and an error of class range"},
	}, lineKeys()...)
	return kind.Kind{
		Name:    "frequency",
		Summary: "frequency of a signal: fan, flow sensor, anemometer",
		Event:   true,
		Paced:   true,
		Keys:    keys,
		Yields:  func(kind.Params) []sensors.Quantity { return []sensors.Quantity{sensors.Frequency} },
		Check: func(p kind.Params) []kind.Problem {
			if p.Float("max") <= 0 {
				return []kind.Problem{{Key: "max", Message: "must be more than 0", Hint: "leave it out for 10000 Hz"}}
			}
			return nil
		},
		Open: func(_ context.Context, b kind.Board, p kind.Params) (any, error) {
			d, err := openFrequency(b, p)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
		Manual: kind.Manual{
			Parts:     "tachometer outputs of fans, Hall flow sensors, anemometers, any 3.3 V or open-collector signal",
			Datasheet: datasheet,
			Wiring: [][2]string{
				{"signal (fan: yellow or green)", "GPIO6 (pin 31), or another free line"},
				{"ground (fan: black)", "GND (pin 30)"},
			},
			Range: "0 to 1000 Hz on every Pi; above, as fast as the board handles interrupts. ±0.01 % where the signal is there for the whole interval, " +
				"else ±1 pulse an interval",
			Notes: []string{
				"The frequency is the mean over every, by the kernel's time stamps. 0 means that not one edge came; for a slow signal make every long " +
					"enough for several.",
				"Where the kernel had to drop edges (more than 1024 waited) the interval has an error of class io in place of a value. Edges that it " +
					"merged, as their interrupts came before it got to them, are missing without a trace: kind pulse says when that happens.",
				"A fan's tachometer is an open collector: it may be pulled up to 3.3 V and never to the fan's 12 V.",
				"Turns a minute, or a flow: filters: [calibrate: {scale: 60}]. For a total use kind pulse.",
			},
			Example: "name: fan\nkind: frequency\npin: GPIO6\npulses: 2\n",
		},
	}
}
