package payload

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pinhole/publisher/record"
	"pinhole/sensors"
	"pinhole/sensors/clock"
)

var (
	stream = [16]byte{0x01, 0x99, 0xf0, 0xc2, 0x6f, 0x7e, 0x7c, 0x11, 0x9a, 0x51, 0x0b, 0x6f, 0x2c, 0x1d, 0x8a, 0x44}
	boot   = clock.BootID{1}
)

// items sends readings through a block, as the queue does.
func items(t testing.TB, readings []sensors.Reading) []record.Item {
	w := record.NewWriter(boot)
	for i := range readings {
		w.Add(&readings[i])
	}
	r := record.NewReader(record.NewTable())
	out := make([]record.Item, 0, len(readings))
	if block := w.Take(); block != nil {
		if err := r.Reset(block); err != nil {
			t.Fatal(err)
		}
	}
	var it record.Item
	for r.Next(&it) {
		out = append(out, it)
	}
	if r.Err() != nil || len(out) != len(readings) {
		t.Fatalf("%d of %d readings: %v", len(out), len(readings), r.Err())
	}
	return out
}

// encode makes one message of all items.
func encode(e Encoder, h Header, its []record.Item) []byte {
	e.Begin(h)
	for i := range its {
		e.Add(&its[i], its[i].Wall, !its[i].Synced)
	}
	return e.Finish()
}

func newEncoder(t testing.TB, format string) Encoder {
	e, err := New(format)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// decoded returns the readings of a message of any format. Those of columns are in the order of the series.
func decoded(t testing.TB, format string, message []byte) Batch {
	t.Helper()
	var b Batch
	var err error
	switch format {
	case "json":
		b, err = Decode(message)
	case "columns":
		b, err = decodeColumns(message)
	case "senml":
		b, err = decodeSenML(message)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", format, err, message)
	}
	return b
}

// wanted returns what a consumer should see of its, in the order in which the format tells it.
func wanted(format string, h Header, its []record.Item) Batch {
	b := Batch{Header: h}
	for _, it := range its {
		b.Readings = append(b.Readings, Reading{
			Sensor: valid(it.Series.Sensor), Quantity: valid(string(it.Series.Quantity)), Unit: valid(it.Series.Unit), Time: it.Wall,
			Value: it.Value, Boolean: it.Kind == record.Boolean, Err: valid(string(it.Err)), Unsynced: !it.Synced})
		if r := &b.Readings[len(b.Readings)-1]; format == "senml" && r.Err != "" {
			r.Unit = ""
		}
	}
	b.Device = valid(b.Device)
	if format == "columns" {
		bySeries(b.Readings)
	}
	return b
}

// valid replaces what is not UTF-8, byte by byte.
func valid(s string) string { return string([]rune(s)) }

// bySeries sorts readings by column and keeps the order within.
func bySeries(rs []Reading) {
	key := func(r Reading) string {
		return fmt.Sprintf("%q %q %q %q %v %v", r.Sensor, r.Quantity, r.Unit, r.Err, r.Boolean, r.Unsynced)
	}
	slices.SortStableFunc(rs, func(a, b Reading) int { return cmp.Compare(key(a), key(b)) })
}

// head is what columns and senml have in common with json.
type head struct {
	Stream string          `json:"stream"`
	Seq    uint64          `json:"seq"`
	Count  *int            `json:"count"`
	Lost   json.RawMessage `json:"lost"`
	End    bool            `json:"end"`
}

// header lets Decode read the parts that it knows.
func (h head) header(device string) (Header, error) {
	text := fmt.Sprintf(`{"device":%s,"stream":%q,"seq":%d,"readings":[]`, record.AppendQuoted(nil, device), h.Stream, h.Seq)
	if h.Lost != nil {
		text += `,"lost":` + string(h.Lost)
	}
	if h.End {
		text += `,"end":true`
	}
	b, err := Decode([]byte(text + "}"))
	return b.Header, err
}

func decodeColumns(message []byte) (Batch, error) {
	var m struct {
		head
		Device string
		Series []struct {
			Sensor, Quantity, Unit string
			Time                   []json.Number
			Value                  []json.RawMessage
			Error, Clock           string
		}
	}
	if err := json.Unmarshal(message, &m); err != nil {
		return Batch{}, err
	}
	h, err := m.header(m.Device)
	b := Batch{Header: h}
	for _, s := range m.Series {
		var now int64
		if s.Error == "" && len(s.Value) != len(s.Time) || s.Error != "" && s.Value != nil {
			return b, fmt.Errorf("%d times, %d values, error %q", len(s.Time), len(s.Value), s.Error)
		}
		for i, d := range s.Time {
			us, err := parseFixed(string(d), 3)
			if err != nil {
				return b, err
			}
			now += us
			r := Reading{Sensor: s.Sensor, Quantity: s.Quantity, Unit: s.Unit, Time: now, Err: s.Error, Unsynced: s.Clock == "unsynced"}
			if s.Error == "" {
				d := decoder{json.NewDecoder(bytes.NewReader(s.Value[i]))}
				d.dec.UseNumber()
				if r.Value, r.Boolean, err = d.value(); err != nil {
					return b, err
				}
			}
			b.Readings = append(b.Readings, r)
		}
	}
	if m.Count == nil || *m.Count != len(b.Readings) {
		return b, fmt.Errorf("count %v of %d readings", m.Count, len(b.Readings))
	}
	bySeries(b.Readings)
	return b, err
}

// decodeSenML resolves a pack as RFC 8428 section 4.6 says and checks that each record has a name and one value.
func decodeSenML(message []byte) (Batch, error) {
	var pack []struct {
		head
		BN, N, U, Clock string
		BT, T           json.Number
		V               json.Number
		VB              *bool
		VS              *string
	}
	if err := json.Unmarshal(message, &pack); err != nil {
		return Batch{}, err
	}
	if len(pack) == 0 || !strings.HasSuffix(pack[0].BN, "/") {
		return Batch{}, fmt.Errorf("a bad first record: %+v", pack)
	}
	first := pack[0]
	h, err := first.header(strings.TrimSuffix(first.BN, "/"))
	b := Batch{Header: h}
	if err != nil {
		return b, err
	}
	if first.Count == nil {
		return b, fmt.Errorf("no count")
	}
	if *first.Count == 0 && len(pack) == 1 && first.N == "readings" && first.V == "0" {
		return b, nil
	}
	base, err := parseFixed(string(first.BT), 6)
	if err != nil {
		return b, err
	}
	for i, p := range pack {
		if i > 0 && (p.BN != "" || p.BT != "" || p.Count != nil || p.Stream != "") {
			return b, fmt.Errorf("record %d has base members", i)
		}
		r := Reading{Time: base, Unit: p.U, Unsynced: p.Clock == "unsynced"}
		if p.T != "" {
			t, err := parseFixed(string(p.T), 6)
			if err != nil {
				return b, err
			}
			r.Time += t
		}
		name := p.N
		values := 0
		if p.V != "" {
			values++
			if r.Value, err = strconv.ParseFloat(string(p.V), 64); err != nil || strings.ContainsAny(string(p.V), "eE") {
				return b, fmt.Errorf("value %s: %v", p.V, err)
			}
		}
		if p.VB != nil {
			values++
			r.Boolean = true
			if *p.VB {
				r.Value = 1
			}
		}
		if p.VS != nil {
			values++
			r.Err = *p.VS
			var ok bool
			if name, ok = strings.CutSuffix(name, "/error"); !ok {
				return b, fmt.Errorf("record %d: name %q of an error", i, p.N)
			}
		}
		if values != 1 {
			return b, fmt.Errorf("record %d: %d values", i, values)
		}
		slash := strings.LastIndexByte(name, '/')
		if slash < 0 {
			return b, fmt.Errorf("record %d: name %q", i, p.N)
		}
		r.Sensor, r.Quantity = name[:slash], name[slash+1:]
		b.Readings = append(b.Readings, r)
	}
	if *first.Count != len(b.Readings) {
		return b, fmt.Errorf("count %d of %d readings", *first.Count, len(b.Readings))
	}
	return b, nil
}

// schemas compiles the embedded schemas.
func schemas(t testing.TB) map[string]*jsonschema.Schema {
	out := make(map[string]*jsonschema.Schema)
	for _, format := range Formats() {
		text, ok := Schema(format)
		if !ok {
			continue
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft2020)
		if err := c.AddResource("mem:///"+format, doc); err != nil {
			t.Fatal(err)
		}
		if out[format], err = c.Compile("mem:///" + format); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func validate(s *jsonschema.Schema, message []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(message))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// source turns any bytes into readings and decisions; at its end it yields zeros.
type source struct{ data []byte }

func (s *source) byte() byte {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

func (s *source) uint64() (v uint64) {
	for range 8 {
		v = v<<8 | uint64(s.byte())
	}
	return v
}

// readings makes readings of the whole source: odd names, odd values, odd times among ordinary ones.
func (s *source) readings() []sensors.Reading {
	table := sensors.Quantities()
	names := []string{"air", "door", "a.b-c_d", `qu"ote\`, "läute", "bad\xffutf\x01", "s"}
	now := clock.Stamp{Boot: 5e9, Wall: 1764000000123e6, Synced: true}
	var out []sensors.Reading
	for len(s.data) > 0 && len(out) < 300 {
		op := s.byte()
		switch op & 7 {
		case 0:
			now.Boot += 1e9
			now.Wall += 1e9
		case 1:
			d := int64(s.uint64() >> 30)
			now.Boot += d
			now.Wall += d
		case 2:
			now.Synced = !now.Synced
		case 3:
			now.Wall = int64(s.uint64()) >> 1
		}
		r := sensors.Reading{Sensor: names[int(s.byte())%len(names)], Quantity: table[int(s.byte())%len(table)].Quantity, Stamp: now}
		switch {
		case op>>3&7 == 0:
			r.Err = []sensors.Class{"crc", "nak", "o\"dd"}[s.byte()%3]
		case r.Quantity.Boolean():
			r.Value = float64(op >> 7)
		case op>>3&7 == 1:
			if r.Value = math.Float64frombits(s.uint64()); math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
				r.Value = 0
			}
		default:
			r.Value = float64(int16(s.uint64()>>48)) / math.Pow10(int(op>>6)+1)
		}
		if op>>3&7 == 2 {
			r.Quantity, r.Value = "x\"y", 0.5
		}
		out = append(out, r)
	}
	return out
}
