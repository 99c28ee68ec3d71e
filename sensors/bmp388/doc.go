// Package bmp388 reads Bosch's BMP380, BMP384, BMP388 and BMP390 (temperature, pressure) on I2C.
//
// Datasheets: BST-BMP388-DS001 revision 1.7, called DS001 below, and BST-BMP390-DS002 revision 1.7, which has the same registers
// and formulas. Addresses: 0x76 with SDO at ground, 0x77 with SDO at the supply. Range -40 to 85 Cel, 300 to 1250 hPa.
//
// Each Sense makes one measurement in forced mode; between two the part sleeps and draws 2 uA. Nothing that the part sends
// carries a checksum, so the driver makes its own certainty: the part itself says that there is a result which nobody has read
// yet; it is read twice and must be the same; and the control registers must still hold what was written. One that has no effect
// in forced mode serves as a mark: when it is back at its power-on value, the part has lost its supply, or is another one, and its
// calibration is read anew before any value is believed.
//
// It leaves to others: altitude and sea level pressure, which are arithmetic on a reading, the part's filter and FIFO, and SPI.
package bmp388
