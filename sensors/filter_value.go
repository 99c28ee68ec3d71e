package sensors

import "math"

// The filters that look at one value alone.

// linear is calibrate with scale and offset.
type linear struct{ scale, offset float64 }

func (f linear) apply(m *Measurement, _ int64) verdict {
	m.Value = m.Value*f.scale + f.offset
	return pass
}

// pieces is calibrate with points: straight lines between neighbours, and the first and the last line go on beyond their ends.
type pieces [][2]float64

func (p pieces) apply(m *Measurement, _ int64) verdict {
	i := 1
	for i < len(p)-1 && m.Value > p[i][0] {
		i++
	}
	a, b := p[i-1], p[i]
	switch m.Value { // the points themselves are met exactly
	case a[0]:
		m.Value = a[1]
	case b[0]:
		m.Value = b[1]
	default:
		m.Value = a[1] + (m.Value-a[0])*((b[1]-a[1])/(b[0]-a[0]))
	}
	return pass
}

func newCalibrate(f FilterSpec) filter {
	if len(f.Points) > 0 {
		return pieces(f.Points)
	}
	return linear{f.Scale, f.Offset}
}

// bounds is range. Both ends belong to it.
type bounds struct{ min, max float64 }

func newBounds(f FilterSpec) filter {
	b := bounds{f.Min, f.Max}
	if f.NoMin {
		b.min = math.Inf(-1)
	}
	if f.NoMax {
		b.max = math.Inf(1)
	}
	return b
}

func (b bounds) apply(m *Measurement, _ int64) verdict {
	if v := Tidy(m.Value); v < b.min || v > b.max {
		return outside
	}
	return pass
}
