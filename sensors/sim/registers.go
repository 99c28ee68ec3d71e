package sim

// Registers is the register file that most I2C chips are: the first byte written points at a register; reads go on from there,
// each byte moving the pointer.
type Registers struct {
	Mem [256]byte
	// Pairs: a write is register, value, register, value ... as Bosch's parts have it. Otherwise the pointer moves on.
	Pairs bool
	// Store is called for each byte written. nil: it goes to Mem.
	Store func(reg, value byte)

	pointer byte
}

// Transfer does what Chip.Tx asks for.
func (f *Registers) Transfer(w, r []byte) {
	for i := range w {
		switch {
		case i == 0, f.Pairs && i%2 == 0:
			f.pointer = w[i]
		default:
			if f.Store != nil {
				f.Store(f.pointer, w[i])
			} else {
				f.Mem[f.pointer] = w[i]
			}
			if !f.Pairs {
				f.pointer++
			}
		}
	}
	for i := range r {
		r[i] = f.Mem[f.pointer]
		f.pointer++
	}
}
