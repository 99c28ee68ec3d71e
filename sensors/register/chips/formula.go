package chips

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// evaluate computes a formula: numbers (decimal, or hex with 0x), names, + - * / and brackets, and round, floor, min and max. The
// result is finite.
func evaluate(text string, names map[string]float64) (float64, error) {
	if len(text) > maxFormula {
		return 0, fmt.Errorf("is longer than %d characters", maxFormula)
	}
	s := scanner{rest: text, names: names}
	v, err := s.sum()
	if err != nil {
		return 0, err
	}
	if s.skip(); s.rest != "" {
		return 0, fmt.Errorf("has %q left over", clip(s.rest))
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, errors.New("has no finite result: it divides by zero, or is too large")
	}
	return v, nil
}

const (
	maxFormula = 200
	maxNesting = 20
)

// scanner is a formula that is being read.
type scanner struct {
	rest  string
	names map[string]float64
	depth int
}

func (s *scanner) skip() { s.rest = strings.TrimLeft(s.rest, " \t\r\n") }

// take reads one of the characters in set.
func (s *scanner) take(set string) (byte, bool) {
	s.skip()
	if s.rest == "" || strings.IndexByte(set, s.rest[0]) < 0 {
		return 0, false
	}
	c := s.rest[0]
	s.rest = s.rest[1:]
	return c, true
}

func (s *scanner) sum() (float64, error) {
	if s.depth++; s.depth > maxNesting {
		return 0, errors.New("is nested too deeply")
	}
	defer func() { s.depth-- }()
	v, err := s.product()
	for err == nil {
		c, ok := s.take("+-")
		if !ok {
			break
		}
		var w float64
		if w, err = s.product(); c == '-' {
			w = -w
		}
		v += w
	}
	return v, err
}

func (s *scanner) product() (float64, error) {
	v, err := s.factor()
	for err == nil {
		c, ok := s.take("*/")
		if !ok {
			break
		}
		var w float64
		if w, err = s.factor(); c == '/' {
			v /= w
		} else {
			v *= w
		}
	}
	return v, err
}

func (s *scanner) factor() (float64, error) {
	negative := false
	for {
		c, ok := s.take("+-")
		if !ok {
			break
		}
		negative = negative != (c == '-')
	}
	v, err := s.atom()
	if negative {
		v = -v
	}
	return v, err
}

func (s *scanner) atom() (float64, error) {
	if _, ok := s.take("("); ok {
		v, err := s.sum()
		return v, errors.Join(err, s.close(err))
	}
	if s.skip(); s.rest == "" {
		return 0, errors.New("ends where a number or a name is due")
	}
	switch c := s.rest[0]; {
	case c >= '0' && c <= '9', c == '.':
		return s.number()
	case isLetter(c):
		return s.name()
	}
	return 0, fmt.Errorf("has %q where a number or a name is due", clip(s.rest))
}

// close reads a closing bracket, unless something is wrong already.
func (s *scanner) close(err error) error {
	if err != nil {
		return nil
	}
	if _, ok := s.take(")"); !ok {
		return errors.New("lacks a closing bracket")
	}
	return nil
}

func (s *scanner) number() (float64, error) {
	if hex, ok := strings.CutPrefix(s.rest, "0x"); ok {
		n := 0
		for n < len(hex) && strings.IndexByte("0123456789abcdefABCDEF", hex[n]) >= 0 {
			n++
		}
		v, err := strconv.ParseUint(hex[:n], 16, 53)
		if s.rest = hex[n:]; err != nil {
			return 0, fmt.Errorf("has %q, which is no hex number up to 53 bits", "0x"+clip(hex))
		}
		return float64(v), nil
	}
	n := 0
	for n < len(s.rest) {
		c := s.rest[n]
		exponent := (c == '+' || c == '-') && n > 0 && (s.rest[n-1] == 'e' || s.rest[n-1] == 'E')
		if (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && !exponent {
			break
		}
		n++
	}
	v, err := strconv.ParseFloat(s.rest[:n], 64)
	if err != nil {
		return 0, fmt.Errorf("has %q, which is no number", clip(s.rest[:n]))
	}
	s.rest = s.rest[n:]
	return v, nil
}

func (s *scanner) name() (float64, error) {
	n := 0
	for n < len(s.rest) && (isLetter(s.rest[n]) || s.rest[n] >= '0' && s.rest[n] <= '9') {
		n++
	}
	name := s.rest[:n]
	s.rest = s.rest[n:]
	if _, ok := s.take("("); ok {
		return s.call(name)
	}
	v, ok := s.names[name]
	if !ok {
		return 0, fmt.Errorf("names %q, which is neither a constant nor derived before", clip(name))
	}
	return v, nil
}

// call computes a function; its opening bracket has been read.
func (s *scanner) call(name string) (float64, error) {
	var args []float64
	for {
		v, err := s.sum()
		if err != nil {
			return 0, err
		}
		args = append(args, v)
		if _, ok := s.take(","); !ok {
			break
		}
	}
	if err := s.close(nil); err != nil {
		return 0, err
	}
	switch {
	case name == "round" && len(args) == 1:
		return math.Round(args[0]), nil
	case name == "floor" && len(args) == 1:
		return math.Floor(args[0]), nil
	case name == "min" && len(args) == 2:
		return min(args[0], args[1]), nil
	case name == "max" && len(args) == 2:
		return max(args[0], args[1]), nil
	}
	return 0, fmt.Errorf("calls %s with %d arguments; there are round(x), floor(x), min(x, y) and max(x, y)", clip(name), len(args))
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func clip(s string) string {
	if len(s) > 20 {
		return s[:20] + "..."
	}
	return s
}

// isName reports whether a constant may be called so.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 40
}
