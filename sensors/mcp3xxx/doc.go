// Package mcp3xxx reads Microchip's MCP3004, MCP3008 (10 bits), MCP3204 and MCP3208 (12 bits) on SPI: analogue inputs, as voltages.
//
// Datasheets: "MCP3004/3008", DS21295D, 2008, and "MCP3204/3208", DS21298E, 2008; chapter 5 is the protocol, chapter 4 the code. A
// conversion is a transfer: start bit, mode, channel, a clock to sample, a null bit, the code highest bit first, and, as the clock
// goes on, the same code lowest bit first, then zeros.
//
// The part has neither an id nor a checksum, and SPI no acknowledge. What the protocol holds is used up: the null bit and the zeros
// behind must be zeros, and the code must be the same both ways. As a wrong bit on the way to the part would convert
// another channel unnoticed, each value is the median of three conversions. What is left is a data line that is held low, which looks
// like 0 V: the ends of the scale are therefore errors, unless the configuration says otherwise.
//
// Nothing is kept in the part, so a broken supply leaves no trace, and it rests whenever it is not converting.
package mcp3xxx
