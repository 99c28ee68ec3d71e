package judge

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds nesting in what is skipped.
const maxDepth = 32

// scanner walks a JSON text (RFC 8259) in one pass without building values. The first mistake is kept in err; after it every
// method returns false.
type scanner struct {
	b       []byte
	i       int
	depth   int
	err     error
	scratch []byte // unescaped strings
}

func (s *scanner) reset(b []byte) { *s = scanner{b: b, scratch: s.scratch[:0]} }

func (s *scanner) fail(what string) bool {
	if s.err == nil {
		s.err = fmt.Errorf("at byte %d: %s", s.i, what)
	}
	return false
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\n', '\r', '\t':
			s.i++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expect(c byte) bool {
	if s.peek() != c {
		return s.fail("expected " + strconv.QuoteRune(rune(c)))
	}
	s.i++
	return true
}

// object calls f for each key, with the scanner before its value; key is valid until f scans on.
func (s *scanner) object(f func(key []byte) bool) bool {
	if !s.expect('{') || !s.enter() {
		return false
	}
	if s.peek() == '}' {
		return s.leave()
	}
	for {
		key, ok := s.str()
		if !ok || !s.expect(':') || !f(key) {
			return s.err == nil && s.fail("unexpected value")
		}
		switch s.peek() {
		case ',':
			s.i++
		case '}':
			return s.leave()
		default:
			return s.fail("expected ',' or '}'")
		}
	}
}

// array calls f before each element.
func (s *scanner) array(f func() bool) bool {
	if !s.expect('[') || !s.enter() {
		return false
	}
	if s.peek() == ']' {
		return s.leave()
	}
	for {
		if !f() {
			return s.err == nil && s.fail("unexpected element")
		}
		switch s.peek() {
		case ',':
			s.i++
		case ']':
			return s.leave()
		default:
			return s.fail("expected ',' or ']'")
		}
	}
}

func (s *scanner) enter() bool {
	if s.depth++; s.depth > maxDepth {
		return s.fail("nested too deep")
	}
	return true
}

func (s *scanner) leave() bool {
	s.depth--
	s.i++
	return true
}

// str scans a string. The result is valid until the next string with an escape.
func (s *scanner) str() ([]byte, bool) {
	if !s.expect('"') {
		return nil, false
	}
	start := s.i
	for i := start; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			return s.b[start:i], true
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			s.i = i
			return nil, s.fail("control character in a string")
		}
	}
	return nil, s.fail("string without an end")
}

func (s *scanner) escaped(start int) ([]byte, bool) {
	for i := start; i < len(s.b); i++ {
		switch s.b[i] {
		case '\\':
			i++
		case '"':
			// strconv knows Go's escapes, not JSON's \/ and surrogate pairs, so they are taken apart here.
			s.i = i + 1
			out, ok := unescape(s.scratch[:0], s.b[start:i])
			s.scratch = out
			if !ok {
				return nil, s.fail("bad escape in a string")
			}
			return out, true
		}
	}
	return nil, s.fail("string without an end")
}

func unescape(dst, src []byte) ([]byte, bool) {
	for i := 0; i < len(src); i++ {
		c := src[i]
		if c < ' ' {
			return dst, false
		}
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		if i++; i == len(src) {
			return dst, false
		}
		switch src[i] {
		case '"', '\\', '/':
			dst = append(dst, src[i])
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(src[i+1:])
			if !ok {
				return dst, false
			}
			i += 4
			if r >= 0xD800 && r < 0xDC00 { // the first half of a pair
				if len(src) < i+7 || src[i+1] != '\\' || src[i+2] != 'u' {
					return dst, false
				}
				low, ok := hex4(src[i+3:])
				if !ok || low < 0xDC00 || low > 0xDFFF {
					return dst, false
				}
				r = (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
				i += 6
			} else if r >= 0xDC00 && r <= 0xDFFF {
				return dst, false
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, false
		}
	}
	return dst, true
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	v, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(v), err == nil
}

// decimal is a plain JSON number: (-1)^neg * mant * 10^-frac, if exact.
type decimal struct {
	neg   bool
	mant  uint64
	frac  int // digits after the point
	exact bool
	text  []byte
}

// num scans a number. An exponent is refused: the payload promises plain numbers.
func (s *scanner) num() (d decimal, ok bool) {
	s.peek()
	start, i := s.i, s.i
	if i < len(s.b) && s.b[i] == '-' {
		d.neg = true
		i++
	}
	first, digits := i, 0
	for ; i < len(s.b) && s.b[i] >= '0' && s.b[i] <= '9'; i++ {
		d.mant = d.mant*10 + uint64(s.b[i]-'0')
		digits++
	}
	if digits == 0 || digits > 1 && s.b[first] == '0' {
		return d, s.fail("expected a plain number")
	}
	if i < len(s.b) && s.b[i] == '.' {
		for i++; i < len(s.b) && s.b[i] >= '0' && s.b[i] <= '9'; i++ {
			d.mant = d.mant*10 + uint64(s.b[i]-'0')
			digits++
			d.frac++
		}
		if d.frac == 0 {
			return d, s.fail("a point without digits after it")
		}
	}
	if i < len(s.b) && (s.b[i] == 'e' || s.b[i] == 'E') {
		return d, s.fail("a number with an exponent")
	}
	d.text, d.exact = s.b[start:i], digits <= 19
	s.i = i
	return d, true
}

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// float returns the nearest float64: mantissa and power of ten both exact in a float64 make one division exact to the last
// bit, anything else goes to strconv.
func (d decimal) float() (float64, bool) {
	if d.exact && d.mant < 1<<53 && d.frac < len(pow10) {
		v := float64(d.mant) / pow10[d.frac]
		if d.neg {
			v = -v
		}
		return v, true
	}
	v, err := strconv.ParseFloat(string(d.text), 64)
	return v, err == nil
}

// scaled returns the number times 10^digits as an integer, if it is one and fits.
func (d decimal) scaled(digits int) (int64, bool) {
	if !d.exact {
		return 0, false
	}
	m := d.mant
	for n := d.frac; n < digits; n++ {
		if m > math.MaxInt64/10 {
			return 0, false
		}
		m *= 10
	}
	for n := digits; n < d.frac; n++ {
		if m%10 != 0 {
			return 0, false
		}
		m /= 10
	}
	if m > math.MaxInt64 {
		return 0, false
	}
	if d.neg {
		return -int64(m), true
	}
	return int64(m), true
}

// whole scans a whole number that is not negative.
func (s *scanner) whole() (uint64, bool) {
	d, ok := s.num()
	if ok && (d.neg || d.frac > 0 || !d.exact) {
		return 0, s.fail("expected a whole number")
	}
	return d.mant, ok
}

func (s *scanner) boolean() (v, ok bool) {
	switch s.peek() {
	case 't':
		return true, s.word("true")
	case 'f':
		return false, s.word("false")
	}
	return false, s.fail("expected true or false")
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return s.fail("expected " + w)
	}
	s.i += len(w)
	return true
}

// skip passes over any value: keys that nobody knows are ignored.
func (s *scanner) skip() bool {
	switch s.peek() {
	case '{':
		return s.object(func([]byte) bool { return s.skip() })
	case '[':
		return s.array(s.skip)
	case '"':
		_, ok := s.str()
		return ok
	case 't', 'f':
		_, ok := s.boolean()
		return ok
	case 'n':
		return s.word("null")
	}
	_, ok := s.num()
	return ok
}

// finish checks that nothing stands behind the value.
func (s *scanner) finish() bool {
	if s.peek(); s.i != len(s.b) {
		return s.fail("text after the end")
	}
	return true
}
