package chips

import (
	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Bounds of a definition.
const (
	maxSpan  = 2.0 // seconds of a delay or a wait
	maxTotal = 4.0 // seconds of all waiting in one program
	maxWrite = 32  // bytes of a transfer
	maxRead  = 64
	maxSteps = 64 // entries of any list
)

// Keys returns the keys of a definition.
func Keys() []kind.Key {
	return []kind.Key{
		{Name: "chip", Type: kind.String, Required: true, Help: "what the part is called: TMP102"},
		{Name: "addresses", Type: kind.List, Help: "the addresses that it can have, the usual one first", Max: new(112.0),
			Elem: &kind.Key{Type: kind.Address, Help: "an address"}},
		list("constants", "what differs from board to board; a name in formulas", false,
			kind.Key{Name: "name", Type: kind.String, Required: true, Help: "a-z, 0-9 and _, beginning with a letter"},
			kind.Key{Name: "help", Type: kind.String, Help: "one line for the manual"},
			kind.Key{Name: "default", Type: kind.String, Required: true, Help: "a number, or one of the choices' words"},
			kind.Key{Name: "min", Type: kind.Float, Help: "the least that is allowed"},
			kind.Key{Name: "max", Type: kind.Float, Help: "the most that is allowed"},
			list("choices", "the words that are allowed, where it is no free number", false,
				kind.Key{Name: "word", Type: kind.String, Required: true, Help: "what is written: ain0, 4.096V"},
				kind.Key{Name: "value", Type: kind.Float, Required: true, Help: "what the constant's name stands for in formulas"},
				kind.Key{Name: "code", Type: kind.Float, Help: "what its name with _code behind stands for"}),
		),
		list("derived", "names for arithmetic on constants", false,
			kind.Key{Name: "name", Type: kind.String, Required: true, Help: "as of a constant"},
			kind.Key{Name: "value", Type: kind.String, Required: true, Help: "a formula: floor(0.04096 / (lsb * shunt))"}),
		span("startup", "how long the part needs after power-on"),
		{Name: "register_bytes", Type: kind.Int, Min: new(1.0), Max: new(2.0), Help: "bytes of a register's number; 1 if left out"},
		list("identify", "registers that tell that this part answers, and no other", false, expectKeys()...),
		list("init", "steps that prepare the part, a reset first where it has one", false, stepKeys()...),
		list("measure", "rounds, one after the other", true,
			list("start", "steps that start a measurement and wait for it", false, stepKeys()...),
			kind.Key{Name: "twice", Type: kind.Bool,
				Help: "repeat the reads until two answers in a row agree; for parts without a checksum, where reading twice does no harm"},
			list("reads", "what is fetched", true, readKeys()...)),
		list("canary", "registers, read after each measurement, that would not hold this value had the part lost its supply", false,
			expectKeys()...),
		list("close", "steps that leave the part idle", false, stepKeys()...),
		{Name: "recover_after", Type: kind.Int, Min: new(1.0), Max: new(100.0),
			Help: "failures in a row until the part is identified and prepared anew; 1 if left out"},
		{Name: "part", Type: kind.Map, Help: "how the part behaves, for the simulated board", Keys: partKeys()},
	}
}

// aboutKeys are what a definition that comes with the program says beside, for the manual.
func aboutKeys() kind.Key {
	return kind.Key{Name: "about", Type: kind.Map, Required: true, Help: "for the manual", Keys: []kind.Key{
		{Name: "summary", Type: kind.String, Required: true, Help: "one line"},
		{Name: "parts", Type: kind.String, Required: true, Help: "the parts covered"},
		{Name: "datasheet", Type: kind.String, Required: true, Help: "title, revision and URL"},
		{Name: "range", Type: kind.String, Required: true, Help: "range and accuracy"},
		{Name: "wiring", Type: kind.List, Elem: &kind.Key{Type: kind.String, Help: "pin of the part = pin of the board"},
			Help: "beside VCC, GND, SCL and SDA"},
		{Name: "notes", Type: kind.List, Elem: &kind.Key{Type: kind.String, Help: "one"}, Help: "limits and advice"},
		{Name: "example", Type: kind.String, Help: "further keys of the manual's example"},
	}}
}

func list(name, help string, required bool, keys ...kind.Key) kind.Key {
	return kind.Key{Name: name, Type: kind.List, Required: required, Help: help, Max: new(float64(maxSteps)),
		Elem: &kind.Key{Type: kind.Map, Keys: keys, Help: help}}
}

func span(name, help string) kind.Key {
	return kind.Key{Name: name, Type: kind.Duration, Min: new(0.0), Max: new(maxSpan), Help: help}
}

func number(name, help string, low, high float64) kind.Key {
	return kind.Key{Name: name, Type: kind.Int, Min: new(low), Max: new(high), Help: help}
}

func formula(name, help string) kind.Key { return kind.Key{Name: name, Type: kind.String, Help: help} }

func required(k kind.Key) kind.Key { k.Required = true; return k }

func registerKey() kind.Key { return number("register", "its number", 0, 0xFFFF) }

// bitKeys are a register whose bits are looked at.
func bitKeys() []kind.Key {
	return []kind.Key{
		required(registerKey()),
		{Name: "bytes", Type: kind.Int, Min: new(1.0), Max: new(4.0), Help: "its width; the highest byte comes first; 1 if left out"},
		formula("mask", "the bits that count, a number; all if left out"),
		required(formula("equals", "what they must be, a formula")),
	}
}

func expectKeys() []kind.Key {
	return append(bitKeys(), kind.Key{Name: "says", Type: kind.String, Help: "what it means if not, for the error"})
}

func stepKeys() []kind.Key {
	return []kind.Key{
		{Name: "write", Type: kind.List, Help: "bytes as they are, the register's number first", Min: new(1.0), Max: new(float64(maxWrite)),
			Elem: &kind.Key{Type: kind.Int, Min: new(0.0), Max: new(255.0), Help: "a byte"}},
		{Name: "set", Type: kind.Map, Help: "give a register a value", Keys: []kind.Key{
			required(registerKey()),
			{Name: "bytes", Type: kind.Int, Min: new(1.0), Max: new(4.0), Help: "its width; the highest byte comes first; 1 if left out"},
			required(formula("value", "a whole number, or a formula that yields one")),
			formula("mask", "the bits to change; the others are read first and kept"),
			{Name: "verify", Type: kind.Bool, Help: "read it back, and fail unless it took the value"},
		}},
		span("delay", "wait that long"),
		{Name: "wait", Type: kind.Map, Help: "wait until a register's bits have a value", Keys: append(bitKeys(),
			kind.Key{Name: "every", Type: kind.Duration, Min: new(0.001), Max: new(maxSpan), Help: "time between two looks; 2ms if left out"},
			required(span("timeout", "how long at most")))},
		{Name: "expect", Type: kind.Map, Help: "fail unless a register's bits have a value now", Keys: expectKeys()},
	}
}

func readKeys() []kind.Key {
	return []kind.Key{
		number("register", "its number; left out: the part is only read, which it was told to expect by a step", 0, 0xFFFF),
		required(number("bytes", "how many, checksums left out", 1, maxRead)),
		span("until_ack", "ask again for that long while the part does not acknowledge, as some do until they have measured"),
		{Name: "crc", Type: kind.Map, Help: "the checksum in the answer", Keys: []kind.Key{
			{Name: "bits", Type: kind.Int, Min: new(8.0), Max: new(16.0), Help: "8 or 16; 8 if left out"},
			required(number("polynomial", "without the highest bit: 0x31 is x^8+x^5+x^4+1", 1, 0xFFFF)),
			{Name: "init", Type: kind.Int, Min: new(0.0), Max: new(65535.0), Help: "the register's start; 0 if left out"},
			{Name: "xor", Type: kind.Int, Min: new(0.0), Max: new(65535.0), Help: "what the result is combined with; 0 if left out"},
			{Name: "reflected", Type: kind.Bool, Help: "lowest bit first, in and out"},
			{Name: "order", Type: kind.Enum, Enum: []string{"big", "little"}, Help: "which byte of 16 bits comes first; big if left out"},
			number("group", "there is one behind every so many bytes; left out: one behind all", 1, maxRead),
			{Name: "covers", Type: kind.Enum, Enum: []string{"data", "transfer"},
				Help: "data if left out; transfer: addresses and register number too, as SMBus has it (PEC)"},
		}},
		{Name: "reject", Type: kind.List, Max: new(8.0), Elem: &kind.Key{Type: kind.Int, Min: new(0.0), Max: new(255.0), Help: "a byte"},
			Help: "an answer all of whose bytes are this one is a fault: 0xff where nothing drives the bus"},
		list("require", "bits that tell that the answer is good", false,
			number("byte", "where it begins: the byte", 0, maxRead-1), number("bit", "and how many bits below its highest", 0, 63),
			kind.Key{Name: "bits", Type: kind.Int, Min: new(1.0), Max: new(32.0), Help: "how many bits; 1 if left out"},
			required(number("equals", "what they must be", 0, 1<<32-1)),
			kind.Key{Name: "class", Type: kind.Enum, Enum: []string{"range", "busy", "warmup", "io"}, Help: "the error otherwise; io if left out"},
			kind.Key{Name: "says", Type: kind.String, Required: true, Help: "what it means if not, for the error"}),
		list("fields", "what stands in the answer", false, fieldKeys()...),
	}
}

func fieldKeys() []kind.Key {
	var names []string
	for _, i := range sensors.Quantities() {
		names = append(names, string(i.Quantity))
	}
	return []kind.Key{
		{Name: "quantity", Type: kind.String, Required: true, Enum: names, Help: "one of the table of quantities; it fixes the unit"},
		{Name: "channel", Type: kind.String, Help: "where there are several of one quantity: the sensor's name gets it behind a dot"},
		number("byte", "where it begins: the byte", 0, maxRead-1),
		number("bit", "and how many bits below its highest", 0, 63),
		{Name: "bits", Type: kind.Int, Min: new(1.0), Max: new(64.0), Help: "how many bits; 16 if left out"},
		{Name: "type", Type: kind.Enum, Enum: []string{Unsigned, Signed, SignMagnitude, Float32, BCD},
			Help: "unsigned if left out; signed is two's complement at its own width"},
		{Name: "order", Type: kind.Enum, Enum: []string{Big, Little, BADC, CDAB},
			Help: "big if left out; order of the bytes; any but big takes the whole bytes that the field touches"},
		{Name: "when", Type: kind.Map, Help: "the field is there only while bits of the answer have a value; another form of it may follow", Keys: []kind.Key{
			number("byte", "where they begin: the byte", 0, maxRead-1), number("bit", "and how many bits below its highest", 0, 63),
			{Name: "bits", Type: kind.Int, Min: new(1.0), Max: new(32.0), Help: "how many bits; 1 if left out"},
			required(number("equals", "what they must be", 0, 1<<32-1))}},
		formula("scale", "a formula; 1 if left out"),
		formula("divisor", "a formula; 1 if left out"),
		formula("offset", "a formula; 0 if left out"),
		{Name: "polynomial", Type: kind.List, Min: new(1.0), Max: new(5.0), Elem: &kind.Key{Type: kind.String, Help: "a formula"},
			Help: "coefficients of what is made of it, the constant one first"},
		formula("min", "a formula; below it the value is an error of class range. Required unless the quantity is true or false"),
		formula("max", "the same above"),
		{Name: "invalid", Type: kind.List, Max: new(8.0), Elem: &kind.Key{Type: kind.Int, Min: new(0.0), Help: "a raw value"},
			Help: "raw values that say that nothing was measured, or that the part's range was left"},
		{Name: "suspect", Type: kind.List, Max: new(8.0), Elem: &kind.Key{Type: kind.Int, Min: new(0.0), Help: "a raw value"},
			Help: "raw values that the part shows after power-on too: believed when a second measurement, at once, says the same"},
		{Name: "decimals", Type: kind.Int, Min: new(0.0), Max: new(9.0), Help: "round to that many; left out: not at all"},
		{Name: "sign_from", Type: kind.String, Enum: names,
			Help: "the quantity, of a field before, from which the part computes this one without its sign: this one is negative where that one is, and fails where that one fails"},
	}
}

func partKeys() []kind.Key {
	return []kind.Key{
		{Name: "layout", Type: kind.Enum, Enum: []string{"words", "bytes"},
			Help: "words if left out; words: each register has its own width; bytes: it is one byte, and a transfer goes on with the next one"},
		span("converts", "how long a measurement takes; left out: most of the time that the driver gives it"),
		list("power_on", "what registers hold after power-on, where that is not 0", false,
			required(registerKey()),
			kind.Key{Name: "bytes", Type: kind.Int, Min: new(1.0), Max: new(8.0), Help: "its width; 1 if left out"},
			required(formula("value", "a number"))),
		{Name: "clears", Type: kind.List, Max: new(8.0), Elem: &kind.Key{Type: kind.Int, Min: new(0.0), Max: new(65535.0), Help: "a register"},
			Help: "registers that take the ready flag away when they are read"},
		{Name: "once", Type: kind.Bool, Help: "an answer without a register can be read once; then it is what it was at power-on"},
		{Name: "runs", Type: kind.Map, Keys: bitKeys(), Help: "the part measures by itself while a register's bits have a value"},
		{Name: "other", Type: kind.Map, Keys: bitKeys(), Help: "answers have the second of their fields' forms while a register's bits have a value"},
	}
}
