// Package veml7700 reads Vishay's VEML7700 (illuminance) on I2C.
//
// Datasheet: "VEML7700", document 84286, and the application note "Designing the VEML7700 Into an Application", document 84323,
// of March 2025. Address: 0x10, always. Range 0 to 120 klx, a part of it at a time: gain and integration decide which.
//
// Each Sense switches the part on, waits for one whole integration and switches it off again, so no light of before counts.
// Nothing that the part sends carries a checksum, so the driver makes its own certainty: the counts are read twice and must be
// the same, with the configuration read in between, which must be the one that was written. That holds a setting which has no
// effect here, so that no configuration consists of zeros, and the part would have lost it with its supply. Counts at the end of
// the scale are an error. Every read has two bytes: reads of one byte lock the bus of a Raspberry Pi 5.
//
// It leaves to others: the choice of the gain, as a change would show as a step, and the white channel.
package veml7700
