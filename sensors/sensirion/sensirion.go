// Package sensirion is what Sensirion's I2C parts have in common: commands of 16 bits, answers in words of 16 bits, and a
// checksum behind each word.
//
// Source: the chapter "I2C Protocol" that stands alike in the datasheets of SHT3x, SHTC3, SGP30, SGP40, SCD30 and SCD4x. A
// command and its answer are two transfers with a stop between them: several of the parts know no repeated start, and all need
// time.
//
// It promises that no word gets through whose checksum is wrong, and that its errors name part and step. It leaves to the
// drivers which commands there are, how long they take and what the words mean.
package sensirion

import (
	"context"
	"encoding/binary"
	"errors"
	"syscall"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// MaxWords is the longest answer of any part, in words.
const MaxWords = 6

// Port talks to one part. Like the part it is used by one goroutine at a time. Its methods allocate only when they fail.
type Port struct {
	*kind.Part
	w [2 + 2*3]byte
	r [3 * MaxWords]byte
}

// Send writes a command with at most two words of argument.
func (p *Port) Send(ctx context.Context, step string, command uint16, arguments ...uint16) error {
	binary.BigEndian.PutUint16(p.w[:], command)
	n := 2
	for _, a := range arguments {
		binary.BigEndian.PutUint16(p.w[n:], a)
		p.w[n+2] = Sum(0xFF, p.w[n:n+2])
		n += 3
	}
	return p.Tx(ctx, step, p.w[:n], nil)
}

// SendByte writes a command of 8 bits, which SHT4x parts have.
func (p *Port) SendByte(ctx context.Context, step string, command byte) error {
	p.w[0] = command
	return p.Tx(ctx, step, p.w[:1], nil)
}

// Read fills words with the part's answer to the command before, at most MaxWords.
func (p *Port) Read(ctx context.Context, step string, words []uint16) error {
	r := p.r[:3*len(words)]
	if err := Receive(ctx, p.Part, step, r); err != nil {
		return err
	}
	for i := range words {
		b := r[3*i : 3*i+3]
		if sum := Sum(0xFF, b[:2]); sum != b[2] {
			return p.Errorf(sensors.CRC, step, "checksum 0x%02x behind % x, should be 0x%02x", b[2], b[:2], sum)
		}
		words[i] = binary.BigEndian.Uint16(b)
	}
	return nil
}

// Ask sends a command, gives the part time, and reads the answer.
func (p *Port) Ask(ctx context.Context, step string, command uint16, after time.Duration, words []uint16) error {
	if err := p.Send(ctx, step, command); err != nil {
		return err
	}
	if err := p.Wait(ctx, step, after); err != nil {
		return err
	}
	return p.Read(ctx, step, words)
}

// Receive reads an answer of any form. A part that has just taken a command and refuses to be read is there but has no data:
// class nak, not absent.
func Receive(ctx context.Context, p *kind.Part, step string, r []byte) error {
	err := p.Tx(ctx, step, nil, r)
	if errno, ok := errors.AsType[syscall.Errno](err); ok && (errno == syscall.EREMOTEIO || errno == syscall.ENXIO) {
		return p.Errorf(sensors.NAK, step, "the part has no data: %w", errno)
	}
	return err
}

// Sum is the checksum of Sensirion's and Aosong's parts: CRC-8 with the polynomial x^8+x^5+x^4+1, highest bit first. start is
// 0xFF, or 0 for SHT2x and HTU21D.
func Sum(start byte, p []byte) byte {
	sum := start
	for _, b := range p {
		sum ^= b
		for range 8 {
			if sum&0x80 != 0 {
				sum = sum<<1 ^ 0x31
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}

// Probe recognises a part by a command that it answers with words whose checksums are right, and by what is says of them. That
// others do not answer there with such words stands for an id; where is looks for one, it says so by Named.
func Probe(command uint16, after time.Duration, n int, is func(words []uint16) (kind.Answer, string)) kind.Probe {
	return kind.Probe{Mute: true, Ask: func(ctx context.Context, part *kind.Part) (kind.Answer, string, error) {
		words := make([]uint16, n)
		port := &Port{Part: part}
		err := port.Ask(ctx, "ask who it is", command, after, words)
		if sensors.ClassOf(err) == sensors.CRC {
			return kind.No, "", nil
		}
		if err != nil {
			return kind.No, "", err
		}
		a, evidence := is(words)
		return a, evidence, nil
	}}
}

// Words reports whether r is words of two bytes, each with its checksum behind it.
func Words(r []byte) bool {
	for ; len(r) >= 3; r = r[3:] {
		if Sum(0xFF, r[:2]) != r[2] {
			return false
		}
	}
	return len(r) == 0
}

// Answered is the judge of a Probe that asks for nothing but checksums.
func Answered(what string) func([]uint16) (kind.Answer, string) {
	return func([]uint16) (kind.Answer, string) { return kind.Speaks, what + " with the right checksums" }
}
