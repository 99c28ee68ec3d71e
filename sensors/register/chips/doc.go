// Package chips holds descriptions of I2C chips: what a definition says, the definitions that come with the program (the YAML
// files of this folder), and the checks that a definition passes before any hardware is touched.
//
// A definition is data. It says which bytes are written and read, what an answer must look like, and which bits become which
// quantity; its only arithmetic is + - * / with round, floor, min and max over named constants, done once when it is read. There
// are no conditions, no loops and no scripts: what that cannot express is a driver in Go.
//
// The keys, in the order in which a part's life goes. Each list may be left out, but for measure.
//
//	chip        what errors and manuals call the part
//	addresses   the I2C addresses it can have, the usual one first
//	constants   what differs from board to board, and so is set by the user: a shunt's resistance, an input
//	derived     names for arithmetic on constants
//	startup     how long the part needs after power-on
//	identify    registers that tell that this part answers, and no other
//	init        steps that prepare it
//	measure     rounds: steps that start a measurement, then the reads that fetch it
//	  twice     the reads are repeated until two answers in a row agree: the checksum of parts that have none
//	  reads     bytes, their checksum, what they must not be, and the fields in them
//	    fields  which bits, of which type, by which formula, within which limits, are which quantity; two forms of one, told
//	            apart by bits of the answer (when), where the part has modes
//	canary      registers that hold what init wrote only while the part has kept its supply; read after each measurement
//	close       steps that leave the part idle
//	part        what a datasheet says beyond that, for the simulated board: power-on values, times, flags
//
// A step is one of write (bytes), set (a register, or some bits of it), delay, wait (until bits have a value) and expect (bits have
// a value now). A field's value is polynomial(raw * scale / divisor + offset); byte, bit and bits place it, counted from the first
// byte's highest bit, checksums left out. Every number is in the unit of the table of quantities, and durations carry theirs.
//
// Bounds: a delay or a wait lasts 2 s at most and all of a measurement's together 4 s; 32 bytes are written and 64 read at once;
// addresses are 0x08 to 0x77. Whatever breaks a rule is reported with the key's path, all mistakes at once.
//
// It leaves to package register to talk to a part, and to package sim to be one: neither knows the other, so a mistake in one of
// them shows.
package chips
