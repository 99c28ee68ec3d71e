package payload

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Batch is a decoded "json" message.
type Batch struct {
	Header
	Readings []Reading // Readings[k] has the number Seq+k
}

// Reading is one of a Batch.
type Reading struct {
	Sensor, Quantity, Unit string
	Time                   int64   // microseconds since 1970 UTC
	Value                  float64 // finite; 1 or 0 if Boolean; 0 beside an Err
	Boolean                bool    // the value was true or false
	Err                    string  // "" or why there is no value
	Unsynced               bool
}

// Decode reads a "json" message as a judge: members that it does not know are ignored, but what it knows must be there once,
// spelled exactly, with plain numbers, times of no more than three decimals, and a value or an error, never both.
func Decode(message []byte) (Batch, error) {
	var b Batch
	if !utf8.Valid(message) {
		return b, errors.New("payload: decode: not UTF-8")
	}
	d := decoder{json.NewDecoder(bytes.NewReader(message))}
	d.dec.UseNumber()
	if err := d.batch(&b); err != nil {
		return Batch{}, fmt.Errorf("payload: decode: %w", err)
	}
	if _, err := d.dec.Token(); err != io.EOF {
		return Batch{}, errors.New("payload: decode: something follows the object")
	}
	return b, nil
}

type decoder struct{ dec *json.Decoder }

func (d decoder) batch(b *Batch) error {
	return d.object(func(key string) (err error) {
		switch key {
		case "device":
			b.Device, err = d.text()
		case "stream":
			b.Stream, err = d.uuid()
		case "seq":
			b.Seq, err = d.number()
		case "end":
			b.End, err = true, d.exactly(true)
		case "lost":
			err = d.array(func() error {
				b.Lost = append(b.Lost, Loss{})
				return d.loss(&b.Lost[len(b.Lost)-1])
			})
		case "readings":
			err = d.array(func() error {
				b.Readings = append(b.Readings, Reading{})
				return d.reading(&b.Readings[len(b.Readings)-1])
			})
		default:
			err = d.skip()
		}
		return err
	}, "device", "stream", "seq", "readings")
}

func (d decoder) loss(l *Loss) error {
	err := d.object(func(key string) (err error) {
		switch key {
		case "stream":
			l.Stream, err = d.uuid()
		case "seq":
			l.Seq, err = d.number()
		case "count":
			l.Count, err = d.number()
		case "span":
			l.Span, err = d.number()
		case "reason":
			l.Reason, err = d.text()
		default:
			err = d.skip()
		}
		return err
	}, "stream", "seq", "count", "reason")
	if err == nil && (l.Count == 0 || l.Span != 0 && l.Span < l.Count) {
		err = fmt.Errorf("a count of %d over a span of %d", l.Count, l.Span)
	}
	return err
}

func (d decoder) reading(r *Reading) error {
	outcomes := 0
	err := d.object(func(key string) (err error) {
		switch key {
		case "sensor":
			r.Sensor, err = d.text()
		case "quantity":
			r.Quantity, err = d.text()
		case "unit":
			r.Unit, err = d.text()
		case "time":
			r.Time, err = d.millis()
		case "value":
			outcomes++
			r.Value, r.Boolean, err = d.value()
		case "error":
			outcomes++
			r.Err, err = d.text()
		case "clock":
			r.Unsynced, err = true, d.exactly("unsynced")
		default:
			err = d.skip()
		}
		return err
	}, "sensor", "quantity", "time")
	if err == nil && outcomes != 1 {
		err = errors.New("neither or both of value and error")
	}
	return err
}

// object reads an object: member is called for each key and reads its value. The required keys must be there.
func (d decoder) object(member func(key string) error, required ...string) error {
	if err := d.exactly(json.Delim('{')); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for d.dec.More() {
		t, err := d.dec.Token()
		if err != nil {
			return err
		}
		key := t.(string) // a Decoder demands strings for keys
		if seen[key] {
			return fmt.Errorf("%s: twice", key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	for _, key := range required {
		if !seen[key] {
			return fmt.Errorf("%s: missing", key)
		}
	}
	return d.exactly(json.Delim('}'))
}

// array reads an array: item is called for each and reads it.
func (d decoder) array(item func() error) error {
	if err := d.exactly(json.Delim('[')); err != nil {
		return err
	}
	for i := 0; d.dec.More(); i++ {
		if err := item(); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return d.exactly(json.Delim(']'))
}

// exactly reads one token, which must be want.
func (d decoder) exactly(want json.Token) error {
	t, err := d.dec.Token()
	if err == nil && t != want {
		err = fmt.Errorf("%v where %v belongs", t, want)
	}
	return err
}

func (d decoder) skip() error {
	var value json.RawMessage
	return d.dec.Decode(&value)
}

// text reads a string that is not empty.
func (d decoder) text() (string, error) {
	t, err := d.dec.Token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok || s == "" {
		return "", fmt.Errorf("%v is not a text", t)
	}
	return s, nil
}

func (d decoder) uuid() (u [16]byte, err error) {
	s, err := d.text()
	if err != nil {
		return u, err
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	copy(u[:], b)
	if err != nil || string(appendUUID(nil, u)) != s {
		return u, fmt.Errorf("%q is not a UUID in canonical form", s)
	}
	return u, nil
}

// plain reads a number without an exponent, as text.
func (d decoder) plain() (string, error) {
	t, err := d.dec.Token()
	if err != nil {
		return "", err
	}
	n, ok := t.(json.Number)
	if !ok || strings.ContainsAny(string(n), "eE") {
		return "", fmt.Errorf("%v is not a plain number", t)
	}
	return string(n), nil
}

func (d decoder) number() (uint64, error) {
	s, err := d.plain()
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(s, 10, 64)
}

func (d decoder) millis() (int64, error) {
	s, err := d.plain()
	if err != nil {
		return 0, err
	}
	return parseFixed(s, 3)
}

// parseFixed returns a plain number times 10^decimals, which must be whole.
func parseFixed(s string, decimals int) (int64, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	if len(fraction) > decimals {
		return 0, fmt.Errorf("%s has more than %d decimals", s, decimals)
	}
	return strconv.ParseInt(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
}

func (d decoder) value() (v float64, boolean bool, err error) {
	t, err := d.dec.Token()
	if err != nil {
		return 0, false, err
	}
	switch t := t.(type) {
	case bool:
		if t {
			v = 1
		}
		return v, true, nil
	case json.Number:
		v, err = strconv.ParseFloat(string(t), 64)
		if err != nil || math.IsInf(v, 0) || strings.ContainsAny(string(t), "eE") {
			return 0, false, fmt.Errorf("%s is not a plain number", t)
		}
		return v, false, nil
	}
	return 0, false, fmt.Errorf("%v is no value", t)
}
