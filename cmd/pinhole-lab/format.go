package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pinhole/cmd/internal/judge"
	"pinhole/sensors"
)

// appendLine prints reading i as a JSON line: device, stream and seq, then the reading's own keys. A columns message does not
// tell its readings' numbers; there seq and count are the message's.
func appendLine(dst []byte, b *judge.Batch, i int) []byte {
	r := &b.Readings[i]
	seq := b.Seq
	if b.Numbered {
		seq += uint64(i)
	}
	dst = appendString(append(dst, `{"device":`...), b.Device)
	dst = appendString(append(dst, `,"stream":`...), b.Stream)
	dst = strconv.AppendUint(append(dst, `,"seq":`...), seq, 10)
	if !b.Numbered {
		dst = strconv.AppendUint(append(dst, `,"count":`...), b.Count, 10)
	}
	dst = appendString(append(dst, `,"sensor":`...), r.Sensor)
	dst = appendString(append(dst, `,"quantity":`...), r.Quantity)
	if r.Unit != "" {
		dst = appendString(append(dst, `,"unit":`...), r.Unit)
	}
	dst = appendMillis(append(dst, `,"time":`...), r.Time)
	if r.Error != "" {
		dst = appendString(append(dst, `,"error":`...), r.Error)
	} else {
		dst = appendValue(append(dst, `,"value":`...), r)
	}
	if r.Unsynced {
		dst = append(dst, `,"clock":"unsynced"`...)
	}
	return append(dst, "}\n"...)
}

// appendString prints a JSON string. Names hardly ever need an escape.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			text, _ := json.Marshal(s) // a string can always be marshalled
			return append(dst, text...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

// appendMillis prints nanoseconds as milliseconds, with as many decimals as there are.
func appendMillis(dst []byte, ns int64) []byte {
	if ns < 0 {
		dst, ns = append(dst, '-'), -ns
	}
	dst = strconv.AppendInt(dst, ns/1e6, 10)
	if frac := ns % 1e6; frac != 0 {
		digits := strconv.Itoa(int(frac + 1e6))[1:]
		dst = append(append(dst, '.'), strings.TrimRight(digits, "0")...)
	}
	return dst
}

// appendValue prints a value as plain JSON.
func appendValue(dst []byte, r *judge.Reading) []byte {
	if r.Boolean {
		return strconv.AppendBool(dst, r.Value != 0)
	}
	return strconv.AppendFloat(dst, r.Value, 'f', -1, 64)
}

// people prints a value for people: five significant digits and the unit as they write it.
func people(r *judge.Reading) string {
	if r.Error != "" {
		return "error: " + r.Error
	}
	if r.Boolean {
		return string(appendValue(nil, r))
	}
	text := strconv.FormatFloat(r.Value, 'f', -1, 64)
	if whole, _, found := strings.Cut(text, "."); found {
		decimals := max(0, 5-len(strings.TrimPrefix(whole, "-")))
		text = strconv.FormatFloat(r.Value, 'f', min(decimals, len(text)-len(whole)-1), 64)
	}
	unit := r.Unit
	if info, ok := sensors.Quantity(r.Quantity).Lookup(); ok && unit != "" && info.HAUnit != "" {
		unit = info.HAUnit
	}
	return strings.TrimSpace(text + " " + unit)
}

var sparks = []rune("▁▂▃▄▅▆▇█")

// sparkline draws values between their own least and greatest.
func sparkline(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	low, high := values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	var b strings.Builder
	for _, v := range values {
		i := 0
		if high > low {
			i = int((v - low) / (high - low) * float64(len(sparks)-1))
		}
		b.WriteRune(sparks[i])
	}
	return b.String()
}

// age is a duration as people say it.
func age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

// size is a number of bytes as people say it.
func size(n uint64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

func plural(n uint64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}
