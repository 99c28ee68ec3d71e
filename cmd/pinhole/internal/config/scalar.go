package config

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"pinhole/sensors/kind/nearest"
)

// scalar returns v's text with ${NAME} replaced. ok is false for an absent value, and for one that is none (reported).
func (v value) scalar() (text string, ok bool) {
	switch {
	case v.node == nil:
		return "", false
	case v.node.Kind != yaml.ScalarNode:
		v.problem("must be a single value, but is "+v.what(), "")
		return "", false
	case v.node.Tag == "!!null":
		v.problem("has no value", "give one, or remove the key")
		return "", false
	}
	return v.expand(v.node.Value)
}

// typed is scalar for the types that are not text: quotes make text of a number, unless they only protect a ${NAME}.
func (v value) typed(want, example string) (text string, ok bool) {
	text, ok = v.scalar()
	if ok && v.quoted() && !strings.Contains(v.node.Value, "${") {
		v.problem("must be "+want+", but is the text "+quote(text), "remove the quotes: "+example)
		return "", false
	}
	return strings.TrimSpace(text), ok
}

func (v value) quoted() bool {
	return v.node != nil && v.node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// expand replaces each ${NAME} by the environment's value of that name. $${ stands for ${ itself; any other $ for itself.
func (v value) expand(s string) (string, bool) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), true
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		name, rest, closed := strings.Cut(s[i+2:], "}")
		if !closed || !isVariable(name) {
			v.problem("holds a ${ that begins no ${NAME}", "name an environment variable, or write $${ for the two characters")
			return "", false
		}
		text, set := "", false
		if v.p.o.Env != nil {
			text, set = v.p.o.Env(name)
		}
		if !set {
			v.problem("the environment variable "+name+" is not set", "set "+name+" before starting, or write the value here")
			return "", false
		}
		b.WriteString(text)
		s = rest
	}
}

func isVariable(name string) bool {
	for i, r := range name {
		if r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// text reads text; a plain number counts as the text that was written. def stands for an absent value.
func (v value) text(def string) string {
	s, ok := v.scalar()
	if !ok {
		return def
	}
	if v.node.Tag == "!!bool" && !v.quoted() {
		v.problem("must be text, but is "+v.node.Value, "put it in quotes if the text is meant")
		return def
	}
	return s
}

// word reads one of a few words.
func (v value) word(def string, words ...string) string { return v.closest(def, words, "value") }

// closest reads one of words, which together are called what.
func (v value) closest(def string, words []string, what string) string {
	hint := "write " + oneOf(words)
	if len(words) > 12 {
		hint = "`pinhole kinds` lists them"
	}
	return v.oneOf(def, words, what, hint)
}

// choice reads one of a few words where other forms are allowed too; hint names them all.
func (v value) choice(def, hint string, words ...string) string {
	return v.oneOf(def, words, "value", hint)
}

func (v value) oneOf(def string, words []string, what, hint string) string {
	s, ok := v.scalar()
	if !ok || slices.Contains(words, s) {
		return cmp.Or(s, def)
	}
	if n := nearest.Of(s, words); n != "" {
		hint = "did you mean " + n + "?"
	}
	v.problem("unknown "+what+" "+quote(s), hint)
	return def
}

// boolean reads true or false; YAML 1.2 knows no yes and no.
func (v value) boolean(def bool) bool {
	s, ok := v.typed("true or false", "true")
	switch {
	case !ok:
	case s == "true":
		return true
	case s == "false":
		return false
	default:
		v.problem("must be true or false, but is "+v.what(), "write true or false")
	}
	return def
}

// integer reads a whole number from low to high: decimal, or hexadecimal with 0x.
func (v value) integer(def, low, high int64) int64 {
	s, ok := v.typed("a number", "16")
	if !ok {
		return def
	}
	n, ok := parseInt(s)
	switch {
	case !ok:
		v.problem("must be a whole number, but is "+v.what(), intRange(low, high))
		return def
	case n < low || n > high:
		v.problem(s+" is out of range", intRange(low, high))
		return def
	}
	return n
}

// The widest bounds of a whole number: beyond them, a JSON number would no longer be exact.
const minInt, maxInt = -1 << 53, 1 << 53

func intRange(low, high int64) string {
	var l, h *float64
	if low > minInt {
		l = new(float64(low))
	}
	if high < maxInt {
		h = new(float64(high))
	}
	return rangeHint(l, h, func(f float64) string { return strconv.FormatInt(int64(f), 10) })
}

// parseInt reads what YAML 1.2's core schema calls an integer, without octal numbers, which nobody means.
func parseInt(s string) (int64, bool) {
	digits := strings.TrimLeft(s, "+-")
	if len(digits) > 1 && digits[0] == '0' && digits[1] != 'x' || strings.Contains(s, "_") || len(s)-len(digits) > 1 {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 0, 64)
	return n, err == nil
}

// number reads a finite number; low and high may be nil.
func (v value) number(def float64, low, high *float64) float64 {
	s, ok := v.typed("a number", "1.5")
	if !ok {
		return def
	}
	f, ok := parseFloat(s)
	switch {
	case !ok:
		v.problem("must be a number, but is "+v.what(), "write a number such as 1.5")
		return def
	case low != nil && f < *low || high != nil && f > *high:
		v.problem(s+" is out of range", rangeHint(low, high, func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }))
		return def
	}
	return f
}

// parseFloat reads a finite decimal number: no hexadecimal, no underscores, no inf and nan.
func parseFloat(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789.eE+-") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsInf(f, 0)
}

func rangeHint(low, high *float64, text func(float64) string) string {
	switch {
	case low != nil && high != nil:
		return "allowed are " + text(*low) + " to " + text(*high)
	case low != nil:
		return "at least " + text(*low) + " is allowed"
	case high != nil:
		return "at most " + text(*high) + " is allowed"
	}
	return ""
}

// duration reads a time span with its unit, from low to high. Where low is zero, a bare 0 is one too.
func (v value) duration(def, low, high time.Duration) time.Duration {
	s, ok := v.scalar()
	if !ok {
		return def
	}
	if s = strings.TrimSpace(s); s == "0" && low == 0 {
		return 0
	}
	d, ok := parseDuration(s)
	if !ok {
		message, hint := "must be a duration, but is "+v.what(), "write a number with a unit: 500ms, 10s, 5m, 1h30m or 2d"
		if f, bare := parseFloat(s); bare && f > 0 {
			message, hint = s+" has no unit", "write "+s+"s if seconds are meant; the units are ms, s, m, h and d"
		}
		v.problem(message, hint)
		return def
	}
	if d < low || d > high {
		v.problem(s+" is out of range", "allowed are "+Span(low)+" to "+Span(high))
		return def
	}
	return d
}

// parseDuration reads what time.ParseDuration reads, and days in front: 1d12h. Nothing negative, nothing without a unit.
func parseDuration(s string) (time.Duration, bool) {
	if s == "" || s[0] == '-' || s[0] == '+' || s == "0" {
		return 0, false
	}
	var days time.Duration
	if head, rest, found := strings.Cut(s, "d"); found {
		f, ok := parseFloat(head)
		if !ok || f > 36500 || f < 0 {
			return 0, false
		}
		days = time.Duration(f * float64(24*time.Hour))
		if rest == "" {
			return days, true
		}
		s = rest
		if s[0] == '-' || s[0] == '+' {
			return 0, false
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || days+d < days {
		return 0, false
	}
	return days + d, true
}

// Span writes a duration as people write it in a configuration: 10s, 1m30s, 2d.
func Span(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// sizeUnits are the units of sizes, the longest names first so that a suffix finds its own.
var sizeUnits = [...]struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// size reads a number of bytes from low to high: 5000, 400KiB, 1.5GiB, 2MB.
func (v value) size(def, low, high int64) int64 {
	s, ok := v.scalar()
	if !ok {
		return def
	}
	n, ok := parseSize(strings.TrimSpace(s))
	switch {
	case !ok:
		v.problem("must be a size, but is "+v.what(), "write whole bytes, or a number with a unit: 400KiB, 256MiB or 1GiB")
		return def
	case n < low || n > high:
		v.problem(s+" is out of range", "allowed are "+bytesText(low)+" to "+bytesText(high))
		return def
	}
	return n
}

func parseSize(s string) (int64, bool) {
	unit := int64(1)
	for _, u := range sizeUnits {
		if head, ok := strings.CutSuffix(s, u.name); ok {
			s, unit = strings.TrimRight(head, " "), u.bytes
			break
		}
	}
	f, ok := parseFloat(s)
	if b := f * float64(unit); ok && b >= 0 && b < 1<<53 && b == math.Trunc(b) {
		return int64(b), true
	}
	return 0, false
}

// bytesText writes a size with the largest unit that leaves it whole.
func bytesText(n int64) string {
	for i := 3; i >= 0; i-- {
		if u := sizeUnits[i]; n > 0 && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return strconv.FormatInt(n, 10)
}
