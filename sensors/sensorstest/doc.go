// Package sensorstest is the conformance suite that every kind of sensor passes, in plain go test, on the simulated board.
//
// It holds drivers to what package sensors promises: a value was measured, now, by the configured part, or there is an error that
// names part and step and has a class. To that end it repeats a measurement once for every transfer and every fault that the
// bus can have there, down to each single bit; breaks the part's supply before each transfer; swaps the part for another; and
// compares what comes out with the physical truth, over the part's whole range. A transfer is one of I2C or SPI, or, at a serial port, a
// write or a frame that the part sends. SPI acknowledges nothing, so an absent part must be found out by what a floating line reads.
//
// What it leaves to the driver's own tests: the datasheet's examples, and conversions at their limits.
package sensorstest
