package register

import "pinhole/sensors/kind"

// manual is what `pinhole kinds register` prints, with three worked parts: one that measures all the time, one that is asked and
// waits, and one with a checksum.
func manual() kind.Manual {
	return kind.Manual{
		Parts: "parts with registers or commands, fixed formulas and no conditions",
		Range: "as the definition's min and max say",
		Wiring: [][2]string{
			{"VIN or VCC", "3V3 (pin 1)"}, {"GND", "GND (pin 9)"}, {"SCL", "GPIO3, SCL (pin 5)"}, {"SDA", "GPIO2, SDA (pin 3)"},
		},
		Notes: []string{
			"A definition follows the part's life: identify, init, measure (start, then reads with their fields), canary, close. All that " +
				"the driver does with the part stands in it, in that order.",
			"A step is one of write, set, delay, wait and expect. A field's value is polynomial(raw * scale / divisor + offset), in the " +
				"unit of its quantity; byte, bit and bits place it, counted from the first byte's highest bit, checksums left out.",
			"A formula knows numbers (0x for hex), constants, derived names, + - * / ( ), round(x), floor(x), min(x, y) and max(x, y).",
			"Believe nothing: give identify where the part has an id, crc where it has a checksum and twice where it has none, min and max " +
				"from the datasheet, and as canary a register that init has changed from its value after power-on. Without a canary a part " +
				"whose supply broke goes on with the settings, and the zeros, that it woke up with. Look at a ready flag even after a delay: it " +
				"tells that the measurement began.",
			"`pinhole check` finds mistakes without hardware; `pinhole read --board sim` tries the definition on a simulated part that is " +
				"made from it. Neither can know whether the datasheet was read rightly: compare with a second instrument.",
			"A delay or wait lasts 2 s at most, all of a measurement's 4 s; 32 bytes are written and 64 read at once.",
			"A definition_file that was changed is read when the agent starts anew, or its sensor's keys change.",
			"Calibration constants inside of the part, ranges that switch, and anything with an if need a driver in Go: sensors/README.md.",
		},
		Example: exampleLM75,
		Further: []string{exampleTMP117, exampleSHT3x},
	}
}

const exampleLM75 = `# LM75: measures all the time; nine bits from the top are half degrees. T_HYST (register 2) is the canary.
name: cellar
kind: register
address: 0x48
definition:
  chip: LM75
  init:
    - set: {register: 0x01, value: 0x00}
    - set: {register: 0x02, bytes: 2, value: 0x4980}
    - delay: 330ms
  measure:
    - twice: true
      reads:
        - register: 0x00
          bytes: 2
          fields:
            - {quantity: temperature, bits: 9, type: signed, scale: 0.5, min: -55, max: 125}
  canary:
    - {register: 0x02, bytes: 2, mask: 0xff80, equals: 0x4980}
  close:
    - set: {register: 0x01, value: 0x01}
  part:
    runs: {register: 0x01, mask: 0x01, equals: 0}
    power_on:
      - {register: 0x02, bytes: 2, value: 0x4b00}
`

const exampleTMP117 = `# TMP117: has an id, measures when it is told to, and says when it is done.
name: reference
kind: register
address: 0x49
definition:
  chip: TMP117
  startup: 5ms
  identify:
    - {register: 0x0f, bytes: 2, mask: 0x0fff, equals: 0x0117}
  measure:
    - start:
        - set: {register: 0x01, bytes: 2, value: 0x0c20}
        - delay: 140ms
        - wait: {register: 0x01, bytes: 2, mask: 0x27fc, equals: 0x2420, every: 10ms, timeout: 100ms}
      twice: true
      reads:
        - register: 0x00
          bytes: 2
          fields:
            - {quantity: temperature, type: signed, divisor: 128, min: -55, max: 150, invalid: [0x8000]}
  canary:
    - {register: 0x01, bytes: 2, mask: 0x07fc, equals: 0x0420}
  part:
    converts: 125ms
    clears: [0x00, 0x01]
`

const exampleSHT3x = `# SHT31: commands of two bytes instead of registers, and a checksum behind each word. (There is a kind sht3x for it.)
name: air
kind: register
address: 0x44
definition:
  chip: SHT31
  startup: 2ms
  measure:
    - start:
        - write: [0x24, 0x00]
        - delay: 16ms
      reads:
        - bytes: 4
          crc: {polynomial: 0x31, init: 0xff, group: 2}
          fields:
            - {quantity: temperature, scale: 175, divisor: 65535, offset: -45, min: -40, max: 125, decimals: 2}
            - {quantity: relative_humidity, byte: 2, scale: 100, divisor: 65535, min: 0, max: 100, decimals: 2}
`
