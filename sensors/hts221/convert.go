package hts221

// calibration is two straight lines, DocID026333 table 20.
type calibration struct {
	temperature, humidity line
}

// line goes through two points: raw values x, and y in steps of 1/8 Cel or 1/2 %RH.
type line struct {
	x0, x1 int16
	y0, y1 uint16
}

// parse reads registers 0x30 to 0x3F. ok is false where they describe no line, or one that falls where it must rise or the other way
// round: no part is made like that, but an empty memory reads so.
func (c *calibration) parse(b *[16]byte) (ok bool) {
	word := func(i int) int16 { return int16(uint16(b[i]) | uint16(b[i+1])<<8) }
	c.humidity = line{x0: word(0x6), x1: word(0xA), y0: uint16(b[0x0]), y1: uint16(b[0x1])}
	c.temperature = line{x0: word(0xC), x1: word(0xE), y0: uint16(b[0x2]) | uint16(b[0x5]&3)<<8, y1: uint16(b[0x3]) | uint16(b[0x5]>>2&3)<<8}
	return c.humidity.good() && c.temperature.good()
}

func (l line) good() bool { return l.x0 != l.x1 && l.y1 > l.y0 }

// at returns y at a raw value, in the steps of y.
func (l line) at(raw int16) float64 {
	return float64(l.y0) + float64(int(raw)-int(l.x0))*float64(l.y1-l.y0)/float64(int(l.x1)-int(l.x0))
}

// celsius converts a raw temperature.
func (c *calibration) celsius(raw int16) float64 { return c.temperature.at(raw) / 8 }

// percent converts a raw humidity to %RH, without stops at 0 and 100.
func (c *calibration) percent(raw int16) float64 { return c.humidity.at(raw) / 2 }
