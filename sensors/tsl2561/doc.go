// Package tsl2561 reads the TSL2561 of ams, before that TAOS (illuminance) on I2C.
//
// Datasheet: "TSL2560, TSL2561 Light-to-Digital Converter", TAOS059N. Addresses: 0x29 with ADDR at ground, 0x39 with it open, 0x49
// with it at the supply. Range 0 to about 40 klx, a part of it at a time: gain and integration decide which.
//
// The part has two channels, of all light and of infrared; the formula for lx is the datasheet's, which differs with the
// package. The part's number tells which it has.
//
// Each Sense switches the part on, waits for one whole integration and switches it off again, so no light of before counts.
// Nothing that the part sends carries a checksum, so the driver makes its own certainty: the counts are read twice and must be
// the same, with the registers of control read in between, which must hold what was written. Counts at the end of the scale are an
// error.
//
// It leaves to others: the choice of the gain, as a change would show as a step, and interrupts.
package tsl2561
