package as3935

import "pinhole/sensors"

// energy is the 21 bits that the part makes of a stroke.
func energy(regs *[block]byte) uint32 {
	return uint32(regs[regEnergy]) | uint32(regs[regEnergy+1])<<8 | uint32(regs[regEnergy+2]&0x1F)<<16
}

// steps are the distances that the part tells, in km: table "Distance Estimation". The first stands for a storm overhead; nowhere
// means that there is none within 40 km.
var steps = [...]byte{1, 5, 6, 8, 10, 12, 14, 17, 20, 24, 27, 31, 34, 37, 40}

const nowhere = 0x3F

// convert counts a stroke if there was one, and makes the measurements of registers that can be believed.
func (d *Dev) convert(regs *[block]byte) []sensors.Measurement {
	if e := energy(regs); e != d.energy {
		if d.energy = e; e != 0 {
			d.total++
		}
	}
	d.out = [3]sensors.Measurement{
		{Quantity: sensors.Count, Value: float64(d.total)},
		{Quantity: sensors.StormDistance},
		{Quantity: sensors.Alarm, Value: float64(regs[regInterrupt] & tooNoisy)},
	}
	km := regs[regDistance] & 0x3F
	for _, step := range steps {
		if km == step {
			d.out[1].Value = 1000 * float64(km)
			return d.out[:]
		}
	}
	d.out[1].Err, d.out[1].Cause = sensors.Range, d.noStorm
	if km != nowhere && km != 0 {
		d.out[1].Cause = d.part.Errorf(sensors.Range, "convert", "the part knows no distance of %d km", km)
	}
	return d.out[:]
}
