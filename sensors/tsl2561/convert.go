package tsl2561

import "math"

// segment is one line of the datasheet's formula: up to this share of infrared, lx are a times all light less b times infrared.
type segment struct{ upTo, a, b float64 }

// formula is what a package has, datasheet section "Calculating Lux". The first segment is curved: b times all light times the
// share to the power of 1.4.
type formula [4]segment

func packageCS() formula {
	return formula{{0.52, 0.0315, 0.0593}, {0.65, 0.0229, 0.0291}, {0.80, 0.0157, 0.0180}, {1.30, 0.00338, 0.00260}}
}

// packageT is that of packages T, FN and CL.
func packageT() formula {
	return formula{{0.50, 0.0304, 0.062}, {0.61, 0.0224, 0.031}, {0.80, 0.0128, 0.0153}, {1.30, 0.00146, 0.00112}}
}

// lux returns lx from counts at gain 16 and 402 ms. ok is false where the share of infrared is so high that the formula has given
// up: the datasheet says 0 then, whatever the light.
func (f *formula) lux(all, infrared float64) (lx float64, ok bool) {
	if all == 0 {
		return 0, infrared == 0
	}
	share := infrared / all
	if s := f[0]; share <= s.upTo {
		return s.a*all - s.b*all*math.Pow(share, 1.4), true
	}
	for _, s := range f[1:] {
		if share <= s.upTo {
			return max(s.a*all-s.b*infrared, 0), true
		}
	}
	return 0, false
}
