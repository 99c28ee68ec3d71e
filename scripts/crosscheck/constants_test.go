package crosscheck

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"pinhole/sensors"
	"pinhole/sensors/all"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

// constants says where a part keeps its factory constants, and which bits of them may be another part's.
var constants = map[string]map[byte]byte{
	"bme280": {0x88: 0xFF, 0x8A: 0xFF, 0x8C: 0xFF, 0x8E: 0xFF, 0x90: 0xFF, 0x92: 0xFF, 0x94: 0xFF, 0x96: 0xFF, 0x98: 0xFF, 0x9A: 0xFF,
		0x9C: 0xFF, 0x9E: 0xFF, 0xA1: 0x1F, 0xE1: 0x7F, 0xE3: 7, 0xE4: 3, 0xE5: 0xFF, 0xE6: 1, 0xE7: 0x1F},
	"bmp280": {0x88: 0xFF, 0x8A: 0xFF, 0x8C: 0xFF, 0x8E: 0xFF, 0x90: 0xFF, 0x92: 0xFF, 0x94: 0xFF, 0x96: 0xFF, 0x98: 0xFF, 0x9A: 0xFF,
		0x9C: 0xFF, 0x9E: 0xFF},
	"bmp180": {0xAB: 0xFF, 0xAD: 0x3F, 0xAF: 0xFF, 0xB1: 0xFF, 0xB3: 0xFF, 0xB5: 0xFF, 0xB7: 0xFF, 0xB9: 0x38, 0xBD: 0xFF, 0xBF: 0x3F},
	"bmp388": {0x31: 0xFF, 0x33: 0xFF, 0x35: 3, 0x36: 0x3F, 0x38: 0x3F, 0x3A: 3, 0x3B: 1, 0x3C: 0xFF, 0x3E: 0xFF, 0x40: 3, 0x41: 3, 0x42: 0xFF,
		0x44: 3, 0x45: 3},
}

// TestAgreementOnConstants changes the factory constants of Bosch's parts at random, for both sides alike, so that every term of the
// long formulas counts. What is measured then is beyond the part's range at times, where only our driver says so.
func TestAgreementOnConstants(t *testing.T) {
	list := parts()
	for _, k := range all.Kinds() {
		places, ok := constants[k.Name]
		if !ok {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			p := list[k.Name]
			params := kind.WithDefaults(k.Keys, p.params)
			random := rand.New(rand.NewPCG(7, uint64(len(places))))
			compared := 0
			const rounds = 600
			for range rounds {
				world, mask := sim.Still{}, new([256]byte)
				for q, r := range p.truth {
					middle := (r[0] + r[1]) / 2
					world[q] = middle + (random.Float64()-0.5)*(r[1]-r[0])/2
				}
				for at, bits := range places {
					mask[at] = byte(random.IntN(256)) & bits
				}
				synctest.Test(t, func(t *testing.T) {
					switch err := p.compare(t, k, params, 0, world, mask, map[sensors.Quantity]int{}); {
					case err == nil:
						compared++
					case sensors.ClassOf(err) != sensors.Range:
						t.Errorf("our driver says: %v", err)
					}
				})
				if t.Failed() {
					return
				}
			}
			if compared < rounds/2 {
				t.Errorf("only %d of %d could be compared", compared, rounds)
			}
		})
	}
}
