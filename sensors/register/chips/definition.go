package chips

import (
	"time"

	"pinhole/sensors"
)

// defaultEvery is the time between two looks of a wait.
const defaultEvery = 2 * time.Millisecond

// The types of a field.
const (
	Unsigned      = "unsigned"
	Signed        = "signed" // two's complement
	SignMagnitude = "sign_magnitude"
	Float32       = "float32" // IEEE 754, 32 bits
	BCD           = "bcd"     // decimal digits of 4 bits
)

// The orders of a field's bytes, A being the highest.
const (
	Big    = "big"    // A B C D
	Little = "little" // D C B A
	BADC   = "badc"   // words of two bytes, the highest word first, each with its lower byte first
	CDAB   = "cdab"   // words of two bytes, the lowest word first, each with its higher byte first
)

// Chip is a definition with its constants put in: nothing but numbers. It is never changed once made.
type Chip struct {
	Name         string
	Addresses    []int64
	Startup      time.Duration
	Identify     []Expect
	Init         []Step
	Rounds       []Round
	Canary       []Expect
	Close        []Step
	RecoverAfter int
	Part         Part
}

// Register is a register's number as it goes over the bus.
type Register struct {
	Number int
	Bytes  int // of the number, highest first: 1 or 2; 0: no register is named
}

// Expect is a register of which some bits have a known value.
type Expect struct {
	At           Register
	Bytes        int // the register's width, highest byte first
	Mask, Equals uint64
	Says         string // what it means if not
}

// Step is one of the things to do; exactly one member is set.
type Step struct {
	Write  []byte
	Set    *Set
	Delay  time.Duration // the one if no pointer is set and Write is nil
	Wait   *Wait
	Expect *Expect
}

// Set gives a register a value.
type Set struct {
	At     Register
	Bytes  int
	Value  uint64
	Mask   uint64 // the bits to change
	Keep   bool   // the other bits are read first and kept
	Verify bool
}

// Wait is an Expect that is looked at until it holds.
type Wait struct {
	Expect
	Every, Timeout time.Duration
}

// Round starts a measurement and fetches it.
type Round struct {
	Start []Step
	Twice bool
	Reads []Read
}

// Read is one answer of the part.
type Read struct {
	At       Register
	Bytes    int // without checksums
	UntilAck time.Duration
	CRC      *CRC
	Reject   []byte
	Require  []Require
	Fields   []Field
}

// CRC is a checksum in an answer.
type CRC struct {
	Bits            int // 8 or 16
	Polynomial      uint16
	Init, Xor       uint16
	Reflected       bool
	Little          bool // the lower byte of 16 bits comes first
	Group           int  // bytes before each; the read's Bytes if there is one
	CoversAddresses bool // SMBus's packet error code
}

// Require is a field that tells whether the answer is good.
type Require struct {
	Bit, Bits int // from the first byte's highest bit
	Equals    uint64
	Class     sensors.Class
	Says      string
}

// Field is a quantity in an answer.
type Field struct {
	Quantity sensors.Quantity
	Channel  string
	Bit      int // where it begins, from the first byte's highest bit; in whole bytes unless Order is Big
	Within   int // with another order: bits below the highest of the ordered word
	Word     int // with another order: bytes of that word
	Bits     int
	Type     string
	Order    string

	When  *When // the answer has this form only while these bits say so; nil: always
	Other bool  // another form of the field before

	// The value is Polynomial(raw*Scale/Divisor + Offset).
	Scale, Divisor, Offset float64
	Polynomial             []float64 // nil: none
	Min, Max               float64
	Invalid, Suspect       []uint64
	Decimals               int              // -1: as it comes
	SignFrom               sensors.Quantity // of a field before, without a channel: the raw value is a magnitude; "": it is not
}

// When is bits of an answer that tell which form it has.
type When struct {
	Bit, Bits int // from the first byte's highest bit
	Equals    uint64
}

// excludes reports whether no answer fits both.
func (w *When) excludes(o *When) bool {
	for bit := max(w.Bit, o.Bit); bit < min(w.Bit+w.Bits, o.Bit+o.Bits); bit++ {
		if (w.Equals>>(w.Bit+w.Bits-1-bit)^o.Equals>>(o.Bit+o.Bits-1-bit))&1 != 0 {
			return true
		}
	}
	return false
}

// Part is how the part behaves.
type Part struct {
	Flat     bool          // a register is one byte, and a transfer goes on with the next one
	Converts time.Duration // 0: not known
	PowerOn  []Expect      // what registers hold: Bytes and Equals
	Clears   []int
	Once     bool // what was measured can be read once; then the answer is that of power-on
	Runs     *Expect
	Other    *Expect // while a register's bits have a value, answers have their second form
}

// Fields returns all fields in the order in which they are reported, each form of its own.
func (c *Chip) Fields() []*Field {
	var all []*Field
	for i := range c.Rounds {
		for k := range c.Rounds[i].Reads {
			r := &c.Rounds[i].Reads[k]
			for n := range r.Fields {
				all = append(all, &r.Fields[n])
			}
		}
	}
	return all
}

// Quantities returns what the part reports, in order.
func (c *Chip) Quantities() []sensors.Quantity {
	var all []sensors.Quantity
	for _, f := range c.Fields() {
		if !f.Other {
			all = append(all, f.Quantity)
		}
	}
	return all
}

// Size is the length of the answer on the bus, checksums included, in bytes.
func (r *Read) Size() int {
	if r.CRC == nil {
		return r.Bytes
	}
	return r.Bytes + r.Bytes/r.CRC.Group*r.CRC.Bits/8
}
