// Package register reads I2C chips by their description instead of by a driver of their own: the kinds that package chips
// describes, such as tmp102 and ina219, and the kind register, whose description a user writes into the configuration.
//
// A description is put into numbers when the part is opened; measuring follows it and allocates nothing. What holds for drivers
// holds here: an answer is believed only if the part's identity, checksum, flags, limits and canary allow it, each wait has an end,
// and every error names part and step. A part that failed, or whose canary tells that it has lost its supply, is identified and
// prepared anew before it is read again.
//
// It leaves the meaning of the keys, and what is checked before any hardware is touched, to package chips, and parts that need
// calibration, ranges that change, or conditions to drivers in Go.
package register
