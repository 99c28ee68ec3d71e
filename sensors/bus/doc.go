// Package bus is the real board: I2C buses, SPI devices, serial ports and GPIO lines of the kernel.
//
// It implements kind.Board. It promises that every failure has a class and, where a person can mend it, a hint; that an I2C
// address in the hands of a kernel driver is left alone; that lines are found by the label of their chip, as numbers change with the
// kernel; and that an edge carries the kernel's time and number, so that nothing is lost without a trace.
//
// I2C goes through periph.io/x/host's sysfs package, of which this is the only importer; neither its registries nor its Init are
// used. Lines are read through the GPIO character device, version 2 of its interface (Linux 5.10), SPI parts through spidev, and
// serial ports through termios, in Go alone: what the kernel says stays an errno. A serial port is taken for oneself, and never
// that of the system's console.
//
// It leaves to others: one transfer at a time (the sampler has a worker for each bus), and what the bytes mean.
package bus
