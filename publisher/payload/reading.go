package payload

import (
	"math"
	"strconv"

	"pinhole/publisher/record"
	"pinhole/sensors"
)

// AppendReading appends one reading as the object that it is in a "json" message. wall and unsynced are as for Encoder.Add.
func AppendReading(dst []byte, it *record.Item, wall int64, unsynced bool) []byte {
	return appendReading(append(dst, '{'), it, wall, unsynced)
}

// AppendStored appends the same object with the reading's stream and number before its own members.
func AppendStored(dst []byte, stream [16]byte, seq uint64, it *record.Item, wall int64, unsynced bool) []byte {
	h := Header{Stream: stream, Seq: seq}
	dst = append(h.appendIdentity(append(dst, '{')), ',')
	return appendReading(dst, it, wall, unsynced)
}

func appendReading(dst []byte, it *record.Item, wall int64, unsynced bool) []byte {
	dst = append(append(dst, it.Series.JSON...), `,"time":`...)
	return appendOutcome(appendMillis(dst, wall), it, unsynced)
}

// appendOutcome appends what stands behind the time, the closing brace included.
func appendOutcome(dst []byte, it *record.Item, unsynced bool) []byte {
	if it.Kind == record.Failed {
		dst = record.AppendQuoted(append(dst, `,"error":`...), string(it.Err))
	} else {
		dst = appendValue(append(dst, `,"value":`...), it)
	}
	if unsynced {
		dst = append(dst, unsyncedMember...)
	}
	return append(dst, '}')
}

// AppendSensorReading appends a reading that was never stored, as the same object and with the same text.
func AppendSensorReading(dst []byte, r *sensors.Reading) []byte {
	dst = record.AppendQuoted(append(dst, `{"sensor":`...), r.Sensor)
	dst = record.AppendQuoted(append(dst, `,"quantity":`...), string(r.Quantity))
	if unit := r.Quantity.Unit(); unit != "" {
		dst = record.AppendQuoted(append(dst, `,"unit":`...), unit)
	}
	us := r.Stamp.Wall / 1000
	if r.Stamp.Wall%1000 < 0 {
		us--
	}
	dst = appendMillis(append(dst, `,"time":`...), us)
	it := record.Item{Kind: record.Float, Value: r.Value, Err: r.Err}
	switch {
	case r.Err != "":
		it.Kind = record.Failed
	case r.Quantity.Boolean():
		it.Kind = record.Boolean
	case math.IsNaN(r.Value) || math.IsInf(r.Value, 0):
		it.Kind, it.Err = record.Failed, sensors.Range
	}
	return appendOutcome(dst, &it, !r.Stamp.Synced)
}

// digits returns the length of n in print.
func digits(n int) int {
	var b [20]byte
	return len(strconv.AppendInt(b[:0], int64(n), 10))
}
