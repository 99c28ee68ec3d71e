package replay

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"pinhole/sensors"
)

// columns is how many a row has.
const columns = 5

// maxNames is how many sensor names are kept to save allocations; a file with more of them costs one a row.
const maxNames = 1 << 14

// row reads one row. On an error, m carries sensor and quantity as far as they could be told, so that the error reading stands in
// its series.
func (r *replay) row(line []byte) (m sensors.Measurement, err error) {
	m.Quantity = sensors.Raw
	var f [columns][]byte
	if err := split(line, &f); err != nil {
		return m, err
	}
	if m.Sensor, err = r.name(f[1]); err != nil {
		return m, err
	}
	q := sensors.Quantity(r.intern(f[2]))
	info, ok := q.Lookup()
	if !ok {
		return m, fmt.Errorf("there is no quantity %q", f[2])
	}
	m.Quantity = info.Quantity
	if len(f[3]) > 0 && string(f[3]) != info.Unit {
		return m, fmt.Errorf("the unit of %s is %q, not %q", q, info.Unit, f[3])
	}
	if m.Time, err = parseTime(f[0]); err != nil {
		return m, err
	}
	m.Value, err = parseValue(f[4], info.Boolean)
	return m, err
}

// split cuts a row into its columns, without spaces and quotes around them.
func split(line []byte, f *[columns][]byte) error {
	for i := range columns {
		line = bytes.TrimLeft(line, " \t")
		var rest []byte
		if len(line) > 0 && line[0] == '"' {
			end := bytes.IndexByte(line[1:], '"')
			if end < 0 {
				return errors.New("a quote is not closed")
			}
			f[i], rest = line[1:1+end], bytes.TrimLeft(line[end+2:], " \t")
			if len(rest) > 0 && rest[0] != ',' {
				return errors.New("something follows a closing quote")
			}
		} else {
			end := bytes.IndexByte(line, ',')
			if end < 0 {
				end = len(line)
			}
			f[i], rest = bytes.TrimRight(line[:end], " \t"), line[end:]
		}
		switch {
		case i < columns-1 && len(rest) == 0:
			return fmt.Errorf("there are %d columns, not %d", i+1, columns)
		case i < columns-1:
			line = rest[1:]
		case len(rest) > 0:
			return fmt.Errorf("there are more than %d columns", columns)
		}
	}
	return nil
}

// name checks a sensor's name: the alphabet of all names. An empty one is the configured name.
func (r *replay) name(b []byte) (string, error) {
	if len(b) > 128 {
		return "", errors.New("the sensor's name is longer than 128 characters")
	}
	for _, c := range b {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return "", fmt.Errorf("the sensor's name %q has other characters than A-Z a-z 0-9 . _ -", b)
		}
	}
	return r.intern(b), nil
}

// intern returns b as a string, the same one for equal bytes.
func (r *replay) intern(b []byte) string {
	if s, ok := r.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(r.names) < maxNames {
		r.names[s] = s
	}
	return s
}

// maxMillis is the last millisecond of which a time in nanoseconds can be told, in the year 2262.
const maxMillis = math.MaxInt64/1000000 - 1

// parseTime reads a time: in RFC 3339, or in milliseconds since 1970 with a fraction. Nothing is now, the zero time.
func parseTime(b []byte) (t time.Time, err error) {
	if len(b) == 0 {
		return t, nil
	}
	if bytes.IndexByte(b, 'T') < 0 {
		return parseMillis(b)
	}
	if err := t.UnmarshalText(b); err != nil {
		return time.Time{}, fmt.Errorf("%q is no time in RFC 3339, such as 2026-11-24T08:00:00Z", b)
	}
	if s := t.Unix(); s < 0 || s > maxMillis/1000-1 {
		return time.Time{}, fmt.Errorf("the time %q is not between 1970 and 2262", b)
	}
	return t.UTC(), nil
}

func parseMillis(b []byte) (time.Time, error) {
	whole, fraction, _ := bytes.Cut(b, []byte("."))
	var ms, ns int64
	bad := len(whole) == 0 || len(whole) > 16
	for _, c := range whole {
		bad = bad || c < '0' || c > '9'
		ms = ms*10 + int64(c-'0')
	}
	scale := int64(100000)
	for _, c := range fraction {
		bad = bad || c < '0' || c > '9'
		ns += int64(c-'0') * scale
		scale /= 10
	}
	if bad {
		return time.Time{}, fmt.Errorf("%q is no time: neither milliseconds since 1970 nor RFC 3339, such as 2026-11-24T08:00:00Z", b)
	}
	if ms > maxMillis {
		return time.Time{}, fmt.Errorf("the time %q is not between 1970 and 2262; it is in milliseconds", b)
	}
	return time.UnixMilli(ms).Add(time.Duration(ns)).UTC(), nil
}

func parseValue(b []byte, boolean bool) (float64, error) {
	if boolean {
		switch string(b) {
		case "true", "1":
			return 1, nil
		case "false", "0":
			return 0, nil
		}
		return 0, fmt.Errorf("the value %q is neither true nor false", b)
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("the value %q is not a finite number", b)
	}
	return v, nil
}
