// Package bmp180 reads Bosch's BMP180 and its predecessor BMP085 (temperature, pressure) on I2C.
//
// Datasheets: BST-BMP180-DS000 revision 2.5 and BST-BMP085-DS000 revision 1.2; DS000 below is the first. Address: 0x77, always.
// Range -40 to 85 Cel, 300 to 1100 hPa, in steps of 0.1 Cel and 1 Pa.
//
// Each Sense makes one measurement of the temperature and one of the pressure, which needs the first; between two the part
// sleeps and draws 0.1 uA. Nothing that the part sends carries a checksum, so the driver makes its own certainty: the
// calibration is read again each time, as another part has another one; a measurement must be seen to have started; its result
// is read twice and must be the same; and it must not be what the register holds after power-on.
//
// It leaves to others: altitude and sea level pressure, which are arithmetic on a reading.
package bmp180
