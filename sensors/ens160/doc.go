// Package ens160 reads the ENS160 of ScioSense (volatile organic compounds and an air quality index) on I2C.
//
// Datasheet: "ENS160 Digital Metal Oxide Multi-Gas Sensor", ScioSense, revision 0.95 of December 2020, chapter 16 for the registers.
// Addresses: 0x52 and 0x53.
//
// The part measures once a second by itself, and Sense takes what is there; it does not wait. Each status tells what values are worth:
// for three minutes after each start the part warms up, and for the first hour of its life it starts up; readings then are errors of
// class warmup, and where the part says that its output is invalid they are of class range. One that measures when it is opened is
// not started again, which would cost it those minutes.
//
// The part computes a TVOC, an index of the German environment agency (UBA), and an equivalent of carbon dioxide. The last is a guess from
// hydrogen and what people give off beside it, so it is reported as co2_equivalent, never as co2.
//
// The part's checksum, DATA_MISR, runs on over every read that anybody ever made, so that one which was lost spoils it; the driver makes its
// own certainty: status and data are read twice and must be the same, the operating mode must be what was written, and since the last
// reading the part must have had time for a new one.
//
// It leaves to others: compensation for temperature and humidity, which the part needs below 20 and above 80 %RH only (section 8.2).
package ens160
