// Package bme280 reads Bosch's BME280 (temperature, humidity, pressure) and BMP280 (temperature, pressure) on I2C.
//
// Datasheets: BST-BME280-DS002 revision 1.24 and BST-BMP280-DS001 revision 1.26, called DS002 and DS001 below. Addresses: 0x76
// with SDO at ground, 0x77 with SDO at the supply. Range -40 to 85 Cel, 0 to 100 %RH, 300 to 1100 hPa.
//
// Each Sense starts one measurement in forced mode; between two the part sleeps and draws 0.1 uA. Nothing that the part sends
// carries a checksum, so the driver makes its own certainty: a measurement must be seen to have started, its result is read twice
// and must be the same, and the control registers must still hold what was written. A register that has no effect in forced mode
// serves as a mark: when it is back at its power-on value, the part has lost its supply, or is another one, and its calibration is
// read anew before any value is believed.
//
// It leaves to others: altitude and sea level pressure, which are arithmetic on a reading, and SPI.
package bme280
