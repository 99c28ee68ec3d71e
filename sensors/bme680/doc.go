// Package bme680 reads Bosch's BME680 and BME688 (temperature, humidity, pressure, gas resistance) on I2C.
//
// Datasheets: BST-BME680-DS001 revision 1.9, called DS001 below, and BST-BME688-DS000, with the formulas that Bosch publishes
// beside them. Addresses: 0x76 with SDO at ground, 0x77 with SDO at the supply. Range -40 to 85 Cel, 0 to 100 %RH, 300 to 1100 hPa.
//
// Each Sense makes one measurement in forced mode, for which the part heats its gas layer; between two it sleeps. Nothing that the
// part sends carries a checksum, so the driver makes its own certainty: a measurement must be seen to have started, its result is
// read twice and must be the same, and the registers of control, which are 0 after power-on, must still hold what was written.
// Otherwise the part has lost its supply, or is another one, and its calibration is read anew before any value is believed.
//
// Of the air's quality it reports what the part measures: the resistance of a layer that many gases lower. What makes an index of
// that is a closed program of Bosch's, and numbers by any other name would be invented.
//
// It leaves to others: altitude and sea level pressure, the gas scanner of the BME688, and SPI.
package bme680
