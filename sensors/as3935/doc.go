// Package as3935 reads the AS3935 of ams, now ScioSense (lightning) on I2C.
//
// Datasheet: "AS3935 Franklin Lightning Sensor IC", ams, v1-04 of January 2016. Addresses: 0x03, 0x02 and 0x01.
//
// The part listens at 500 kHz and tells lightning from what people make by the shape of the signal. Of each stroke it computes an
// energy, which means nothing in itself, and from all of a quarter of an hour the distance to the edge of the storm.
//
// What is reported is a total of the readings between which there was lightning, since the agent began: a lower bound of the strokes, as
// the part keeps one at a time. It is not taken from the interrupt register alone, which forgets as it is read, so that a transfer that
// fails would lose a stroke, and a wrong bit would invent one: a stroke counts when the energy has changed and says so twice. Disturbers are
// masked: the part rejects them, and they would only hide lightning from a reader that comes by once a second. While noise is so strong that
// the part is deaf, it says so, and that is reported as alarm.
//
// The part has no id and no checksum. The driver makes its own certainty: all registers are read twice and must be the same, the settings
// must be what was written, and both oscillators calibrated, which they are no longer when the supply was broken.
//
// It leaves to others: the tuning of the antenna, which needs the pin IRQ and a counter; boards come with a number for it.
package as3935
