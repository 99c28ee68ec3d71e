// Package ccs811 reads the CCS811 of ams, now ScioSense (volatile organic compounds) on I2C.
//
// Datasheet: "CCS811 Ultra-Low Power Digital Gas Sensor for Monitoring Indoor Air Quality", ams, v1-00 of 2016 and v1-06 of 2019. Addresses:
// 0x5a and 0x5b.
//
// The part wakes up in a boot loader; the driver starts the firmware that is stored in it and sets the pace at which it measures. From
// then on the part measures by itself, and Sense takes what is new; it does not wait. It needs 20 minutes until values are accurate
// ("Conditioning Period (Run-In)"), and the driver gives it those: readings before are errors of class warmup. A pace that is slower than
// the one before wants a rest of 10 minutes first ("Modes of Operation"), which is class warmup too.
//
// It measures one thing: the resistance of a layer that gases change. From that it computes a TVOC and an equivalent of carbon dioxide,
// which is a guess from the gases that people give off beside it; so it is reported as co2_equivalent, never as co2. The baseline
// that the part finds by itself is left alone.
//
// Nothing that the part sends carries a checksum, so the driver makes its own certainty: flags and results are read twice and must be the
// same, and the mode register, which is 0 after power-on, must hold what was written.
//
// It leaves to others: compensation for temperature and humidity, keeping the baseline while there is no supply, new firmware.
package ccs811
