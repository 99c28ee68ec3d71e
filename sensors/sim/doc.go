// Package sim is the simulated board: parts at their registers and lines, under a physical truth that moves with the time of day.
//
// It implements kind.Board, so the drivers that run on it are the ones that run on a Raspberry Pi, byte for byte: a simulated
// BME280 is asked by register and answers with raw values, found by turning the datasheet's formulas round. Its formulas and
// calibration constants are its own, written independently of the driver, so that a mistake in either shows.
//
// It promises to be no kinder than the part: chips answer nothing while they start, measure as long as the datasheet allows,
// forget everything when their supply breaks, and every kind of bus fault can be had at every transfer. Truth is a pure function
// of seed, place and time; nothing is random between two runs. It goes by package time alone, so it follows testing/synctest.
//
// A Script directs it: settings in place of the weather, and mishaps to parts, buses, lines and files. Both are looked at when something is
// transferred, so nothing runs beside the parts. Inject is for tests that decide on every transfer themselves.
//
// What it leaves to others: which parts there are (Attach is called with the configured sensors), and how readings are made.
//
// A new chip is one file with a type that implements Chip (on SPI: SPIChip; at a serial port: Talker), and one row in chips.
package sim
