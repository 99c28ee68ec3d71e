// Package hts221 reads STMicroelectronics' HTS221 (temperature, relative humidity) on I2C; it is the humidity sensor of the Sense HAT.
//
// Datasheet: HTS221, DocID026333. Address: 0x5F, always. Range -40 to 120 Cel, 0 to 100 %RH, 16 bits each.
//
// Each Sense makes one measurement of both; between two the converter rests. The output is a straight line through two points
// that the factory measured and burnt into each part. Nothing that the part sends carries a checksum, so the driver makes its own
// certainty: the points are read twice; so are results, the first time with both status flags up and the second time with both
// taken down by the first; and a part that was replaced, or whose supply broke, is not active any more and thus does not measure.
//
// It leaves to others: dew point and absolute humidity, which are arithmetic on a reading.
package hts221
