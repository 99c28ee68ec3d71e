package judge

import "bytes"

// senml decodes an RFC 8428 pack: base fields hold for the record that carries them and all after it (section 4.1). The
// labels stream, seq, count, end and lost stand in the first record, clock in each record of its own. Records without a value
// carry base fields only; a pack of no readings may have one whose name is no reading's, because a record needs a value.
func (d *decoder) senml(b *Batch) bool {
	s := &d.scan
	var base struct {
		name []byte
		unit string
		time int64
	}
	d.key = d.key[:0]
	var head uint32
	first := true
	ok := s.array(func() bool {
		var r Reading
		var own []byte
		var seen uint32
		record := func(key []byte) bool {
			switch string(key) {
			case "bn":
				name, ok := s.str()
				base.name = append(base.name[:0], name...)
				return ok && d.once(&seen, kBaseName)
			case "bt":
				return d.once(&seen, kBaseTime) && d.seconds(&base.time)
			case "bu":
				return d.once(&seen, kBaseUnit) && d.text(&base.unit)
			case "n":
				name, ok := s.str()
				own = name
				if len(s.scratch) > 0 { // an escaped name lives in the scratch space
					own = bytes.Clone(name)
				}
				return ok && d.once(&seen, kName)
			case "u":
				return d.once(&seen, kUnit) && d.text(&r.Unit)
			case "t":
				return d.once(&seen, kTime) && d.seconds(&r.Time)
			case "v":
				return d.once(&seen, kValue) && d.value(&r.Value, &r.Boolean) && !r.Boolean
			case "vb":
				return d.once(&seen, kBool) && d.value(&r.Value, &r.Boolean) && r.Boolean
			case "vs":
				return d.once(&seen, kError) && d.text(&r.Error)
			case "clock":
				return d.once(&seen, kClock) && d.unsynced(&r.Unsynced)
			}
			if first {
				return d.label(b, &head, key)
			}
			return s.skip()
		}
		if !s.object(record) {
			return false
		}
		first = false
		if seen&(kValue|kBool|kError) == 0 {
			return true
		}
		d.key = append(append(d.key[:0], base.name...), own...)
		device, sensor, quantity, isError, ok := split(d.key)
		if !ok && b.Count == 0 && head&kCount != 0 { // a record that only carries the labels; it counts no readings
			return true
		}
		switch {
		case !ok:
			return s.fail("a name that is not device/sensor/quantity")
		case isError != (seen&kError != 0), isError && r.Error == "", seen&kValue != 0 && seen&kBool != 0:
			return s.fail("a record needs either a value, or vs and a name that ends in /error")
		}
		r.Sensor, r.Quantity = d.name(sensor), d.name(quantity)
		r.Time += base.time
		if seen&kUnit == 0 {
			r.Unit = base.unit
		}
		if b.Device != "" && b.Device != string(device) {
			return s.fail("two devices in one pack")
		}
		b.Device = d.name(device)
		b.Readings = append(b.Readings, r)
		return true
	})
	if !ok {
		return false
	}
	if head&(kSeq|kCount) != kSeq|kCount {
		return s.fail("a pack without seq and count")
	}
	if b.Device == "" { // nothing but labels
		b.Device = d.name(bytes.TrimSuffix(base.name, []byte("/")))
	}
	b.Format, b.Numbered = "senml", true
	return true
}

// label decodes the header's keys of the first record.
func (d *decoder) label(b *Batch, seen *uint32, key []byte) bool {
	switch string(key) {
	case "stream":
		return d.once(seen, kStream) && d.text(&b.Stream)
	case "seq":
		return d.once(seen, kSeq) && d.number(&b.Seq)
	case "count":
		return d.once(seen, kCount) && d.number(&b.Count)
	case "end":
		return d.once(seen, kEnd) && d.flag(&b.End)
	case "lost":
		return d.once(seen, kLost) && d.lost(b)
	}
	return d.scan.skip()
}

// seconds scans a time in seconds, to the nanosecond.
func (d *decoder) seconds(dst *int64) bool {
	n, ok := d.scan.num()
	if !ok {
		return false
	}
	if *dst, ok = n.scaled(9); !ok {
		return d.scan.fail("a time that is finer than a nanosecond or out of range")
	}
	return true
}
