// Package max31865 reads Maxim's MAX31865 (platinum resistance thermometers, PT100 and PT1000) on SPI.
//
// Datasheet: "MAX31865 RTD-to-Digital Converter", 19-6478, 2012. Range -200 to 850 Cel, in steps of about 0.03.
//
// Each Sense has the part look for broken and touching wires (the fault detection cycle in manual timing, which suits every input
// filter) and convert. Conversions are made in automatic mode, for two periods, rather than one shot: the mode stands in the
// configuration register and can be read back, so that a command that got lost cannot leave the value of the last time. Between
// two Senses the part is off, and no current warms the thermometer.
//
// The fault thresholds serve twice: they mark full scale and nothing, and, as they differ from their values after power-on, they show
// together with the configuration that the part is one and has not lost its supply. Everything is read twice, for want of a checksum.
//
// The temperature is that of IEC 60751, solved exactly, below 0 Cel too.
package max31865
