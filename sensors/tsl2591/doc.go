// Package tsl2591 reads the TSL2591 of ams (illuminance) on I2C.
//
// Datasheet: "TSL25911", ams, version 1. Address: 0x29, always. Range 188 ulx to 88 klx, a part of it at a time: gain
// and integration decide which.
//
// The part has two channels, of all light and of infrared. The datasheet gives no formula for lx; the one used here is that of
// the boards' makers, counts of light without infrared, weighed by how little infrared there is.
//
// Each Sense switches the part on, waits for one whole integration and switches it off again, so no light of before counts.
// Nothing that the part sends carries a checksum, so the driver makes its own certainty: the counts are read twice and must be
// the same, with the registers of control read in between, which must hold what was written, and the part must say that an
// integration has ended. Counts at the end of the scale are an error.
//
// It leaves to others: the choice of the gain, as a change would show as a step, and interrupts.
package tsl2591
