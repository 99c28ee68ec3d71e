// Package veml6075 reads the VEML6075 of Vishay (ultraviolet light and UV index) on I2C.
//
// Datasheet: "VEML6075", document 84304. Formula: "Designing the VEML6075 into an Application", document 84339. Address: 0x10, always.
//
// The part has four channels: UVA, UVB, and two that see what leaks into those of visible light and of infrared. The UV index is the
// sum of both after the leaks have been taken off, with Vishay's coefficients for a part in the open. Where more leaks in than
// ultraviolet there is, as under lamps, the formula yields less than nothing: a little of that is a 0, more is an error.
//
// Each Sense switches the part on, waits for one integration and switches it off again, so no light of before counts. Nothing that the
// part sends carries a checksum, so the driver makes its own certainty: all counts are read twice and must be the same, and the
// configuration before and between must be what was written. Counts at the end of the scale are an error. Every read has two bytes, as
// reads of one byte from parts of this family lock the bus of a Raspberry Pi 5.
//
// It leaves to others: other integrations and the high dynamic setting, for which Vishay gives no coefficients, and covers.
package veml6075
