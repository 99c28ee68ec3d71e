package judge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	run1 = "0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44"
	run2 = "0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a45"
)

// rows makes a json message with numbers from to to-1: number n is n degrees at second n.
func rows(stream string, from, to int, extra string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"device":"d","stream":%q,"seq":%d%s,"readings":[`, stream, from, extra)
	for n := from; n < to; n++ {
		if n > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sensor":"air","quantity":"temperature","unit":"Cel","time":%d,"value":%d.5}`, 1764000000000+int64(n)*1000, n)
	}
	return b.String() + "]}"
}

// cols is the same as a columns message, each reading with a value shifted by shift.
func cols(from, to, shift int, extra string) string {
	var times, values []string
	for n := from; n < to; n++ {
		t := int64(1000)
		if n == from {
			t = 1764000000000 + int64(n)*1000
		}
		times, values = append(times, fmt.Sprint(t)), append(values, fmt.Sprintf("%d.5", n+shift))
	}
	return fmt.Sprintf(`{"device":"d","stream":%q,"seq":%d,"count":%d%s,"series":[{"sensor":"air","quantity":"temperature","unit":"Cel","time":[%s],"value":[%s]}]}`,
		run1, from, to-from, extra, strings.Join(times, ","), strings.Join(values, ","))
}

func lost(entries ...string) string { return `,"lost":[` + strings.Join(entries, ",") + "]" }

func entry(seq, count, span int64, reason string) string {
	s := ""
	if span > 0 {
		s = fmt.Sprintf(`,"span":%d`, span)
	}
	return fmt.Sprintf(`{"stream":%q,"seq":%d,"count":%d%s,"reason":%q}`, run1, seq, count, s, reason)
}

func one(seq int, reading string) string {
	return fmt.Sprintf(`{"device":"d","stream":%q,"seq":%d,"readings":[%s]}`, run1, seq, reading)
}

const end = `,"end":true`

func TestAccount(t *testing.T) {
	const r21 = `{"sensor":"air","quantity":"temperature","unit":"Cel","time":1764000000123,"value":21.43}`
	const r21u = `{"sensor":"air","quantity":"temperature","unit":"Cel","time":1000,"value":21.43,"clock":"unsynced"}`
	tests := []struct {
		name   string
		in     []string
		want   StreamReport // of run1; Device, Stream and empty maps are filled in
		broken string       // rules, space separated
	}{
		{"all there", []string{rows(run1, 0, 5, ""), rows(run1, 5, 7, end)}, StreamReport{Taken: 7, Arrived: 7, Ended: true}, ""},
		{"end alone", []string{rows(run1, 0, 5, ""), rows(run1, 5, 5, end)}, StreamReport{Taken: 5, Arrived: 5, Ended: true}, ""},
		{"hole", []string{rows(run1, 0, 5, ""), rows(run1, 7, 9, "")}, StreamReport{Taken: 9, Arrived: 7, Missing: 2, Ranges: []Range{{5, 7}}}, ""},
		{"head missing", []string{rows(run1, 3, 5, "")}, StreamReport{Taken: 5, Arrived: 2, Missing: 3, Ranges: []Range{{0, 3}}}, ""},
		{"tail missing", []string{rows(run1, 0, 2, ""), rows(run1, 4, 4, end)},
			StreamReport{Taken: 4, Arrived: 2, Ended: true, Missing: 2, Ranges: []Range{{2, 4}}}, ""},
		{"hole across chunks", []string{rows(run1, 0, 1000, ""), rows(run1, 3000, 3100, "")},
			StreamReport{Taken: 3100, Arrived: 1100, Missing: 2000, Ranges: []Range{{1000, 3000}}}, ""},
		{"repeat", []string{rows(run1, 0, 5, ""), rows(run1, 3, 8, "")}, StreamReport{Taken: 8, Arrived: 8, Duplicates: 2}, ""},
		{"late", []string{rows(run1, 0, 2, ""), rows(run1, 4, 6, ""), rows(run1, 2, 4, "")}, StreamReport{Taken: 6, Arrived: 6, Late: 2}, ""},
		{"altered value", []string{one(0, r21), one(0, strings.Replace(r21, "21.43", "21.44", 1))},
			StreamReport{Taken: 1, Arrived: 1, Duplicates: 1}, Altered},
		{"altered time", []string{one(0, r21), one(0, strings.Replace(r21, "123", "124", 1))},
			StreamReport{Taken: 1, Arrived: 1, Duplicates: 1}, Altered},
		{"altered to an error", []string{one(0, r21), one(0, strings.Replace(r21, `"value":21.43`, `"error":"crc"`, 1))},
			StreamReport{Taken: 1, Arrived: 1, Duplicates: 1}, Altered},
		{"other spelling", []string{one(0, r21), one(0, strings.Replace(r21, "21.43", "21.430", 1))},
			StreamReport{Taken: 1, Arrived: 1, Duplicates: 1}, ""},
		{"repaired", []string{one(0, r21u), one(0, r21), one(0, r21)}, StreamReport{Taken: 1, Arrived: 1, Duplicates: 2}, ""},
		{"repaired twice", []string{one(0, r21u), one(0, r21), one(0, strings.Replace(r21, "123", "124", 1))},
			StreamReport{Taken: 1, Arrived: 1, Duplicates: 2}, Altered},
		{"repaired with another value", []string{one(0, r21u), one(0, strings.Replace(r21, "21.43", "3", 1))},
			StreamReport{Taken: 1, Arrived: 1, Duplicates: 1, Unsynced: 1}, Altered},
		{"unrepaired", []string{one(0, r21), one(0, r21u)}, StreamReport{Taken: 1, Arrived: 1, Duplicates: 1}, Altered},
		{"unsynced repeat", []string{one(0, r21u), one(0, r21u)}, StreamReport{Taken: 1, Arrived: 1, Duplicates: 1, Unsynced: 1}, ""},
		{"after the end", []string{rows(run1, 0, 5, end), rows(run1, 5, 6, "")},
			StreamReport{Taken: 6, Arrived: 6, Ended: true}, Invented},
		{"end before", []string{rows(run1, 0, 5, ""), rows(run1, 3, 3, end)}, StreamReport{Taken: 5, Arrived: 5, Ended: true}, Invented},
		{"two ends", []string{rows(run1, 0, 5, end), rows(run1, 6, 6, end)}, StreamReport{Taken: 5, Arrived: 5, Ended: true}, Invented},
		{"end again", []string{rows(run1, 0, 5, end), rows(run1, 0, 5, end)},
			StreamReport{Taken: 5, Arrived: 5, Ended: true, Duplicates: 5}, ""},
		{"lost", []string{rows(run1, 0, 2, ""), rows(run1, 5, 6, lost(entry(2, 3, 0, "queue_full"))+end)},
			StreamReport{Taken: 6, Arrived: 3, Ended: true, Lost: map[string]uint64{"queue_full": 3}}, ""},
		{"lost repeated and overlapping", []string{rows(run1, 5, 6, lost(entry(2, 3, 0, "queue_full"))), rows(run1, 0, 2, ""),
			rows(run1, 6, 6, lost(entry(2, 3, 0, "queue_full"), entry(4, 1, 0, "corrupt"))+end)},
			StreamReport{Taken: 6, Arrived: 3, Ended: true, Late: 2, Lost: map[string]uint64{"queue_full": 3, "corrupt": 0}}, ""},
		{"lost too little", []string{rows(run1, 0, 2, lost(entry(2, 2, 0, "queue_full"))), rows(run1, 5, 5, end)},
			StreamReport{Taken: 5, Arrived: 2, Ended: true, Missing: 1, Ranges: []Range{{4, 5}}, Lost: map[string]uint64{"queue_full": 2}}, ""},
		{"arrived, then lost", []string{rows(run1, 0, 4, ""), rows(run1, 4, 4, lost(entry(2, 2, 0, "corrupt"))+end)},
			StreamReport{Taken: 4, Arrived: 4, Ended: true, LostYet: 2, Lost: map[string]uint64{"corrupt": 0}}, ""},
		{"lost, then arrived", []string{rows(run1, 0, 2, lost(entry(2, 2, 0, "queue_full"))), rows(run1, 2, 4, end)},
			StreamReport{Taken: 4, Arrived: 4, Ended: true, LostYet: 2, Lost: map[string]uint64{"queue_full": 0}}, Resurrected + " " + Resurrected},
		{"thinned", []string{rows(run1, 0, 2, lost(entry(2, 3, 6, "thinned"))), rows(run1, 3, 4, ""), rows(run1, 5, 6, ""), rows(run1, 7, 8, end)},
			StreamReport{Taken: 8, Arrived: 5, Ended: true, Lost: map[string]uint64{"thinned": 3}}, ""},
		{"thinned twice, then dropped", []string{rows(run1, 8, 8,
			lost(entry(0, 4, 8, "thinned"), entry(0, 2, 8, "thinned"), entry(0, 2, 8, "queue_full"))+end)},
			StreamReport{Taken: 8, Ended: true, Lost: map[string]uint64{"thinned": 6, "queue_full": 2}}, ""},
		{"thinned too little", []string{rows(run1, 0, 1, lost(entry(1, 1, 4, "thinned"))), rows(run1, 5, 6, "")},
			StreamReport{Taken: 6, Arrived: 2, Missing: 3, Ranges: []Range{{2, 5}}, Lost: map[string]uint64{"thinned": 1}}, ""},
		{"lost after the end", []string{rows(run1, 0, 2, lost(entry(2, 2, 0, "queue_full"))+end)},
			StreamReport{Taken: 2, Arrived: 2, Ended: true, Lost: map[string]uint64{"queue_full": 0}}, Claim},
		{"nothing lost", []string{rows(run1, 0, 2, lost(entry(2, 0, 0, "queue_full")))}, StreamReport{Taken: 2, Arrived: 2}, Claim},
		{"lost for no known reason", []string{rows(run1, 0, 2, lost(entry(2, 1, 0, "weather")))},
			StreamReport{Taken: 3, Arrived: 2, Lost: map[string]uint64{"weather": 1}}, Claim},
		{"lost far away", []string{rows(run1, 0, 1, lost(entry(1, 1<<40, 0, "queue_full")))},
			StreamReport{Taken: 1 + 1<<40, Arrived: 1, Lost: map[string]uint64{"queue_full": 1 << 40}}, ""},
		{"error reading", []string{one(0, `{"sensor":"air","quantity":"temperature","unit":"Cel","time":5,"error":"crc"}`)},
			StreamReport{Taken: 1, Arrived: 1, Errors: 1}, ""},
		{"time goes back", []string{one(0, r21), one(1, r21)}, StreamReport{Taken: 2, Arrived: 2}, Order},
		{"unit", []string{one(0, strings.Replace(r21, "Cel", "F", 1))}, StreamReport{Taken: 1, Arrived: 1}, Unit},
		{"quantity", []string{one(0, strings.Replace(r21, "temperature", "mood", 1))}, StreamReport{Taken: 1, Arrived: 1}, Unit},
		{"truth in place of a number", []string{one(0, strings.Replace(r21, "21.43", "true", 1))}, StreamReport{Taken: 1, Arrived: 1}, Unit},
		{"columns", []string{cols(0, 3, 0, ""), cols(3, 5, 0, end), cols(0, 3, 0, "")},
			StreamReport{Taken: 5, Arrived: 5, Ended: true, Duplicates: 3}, ""},
		{"columns altered", []string{cols(0, 3, 0, ""), cols(0, 3, 1, "")}, StreamReport{Taken: 3, Arrived: 3, Duplicates: 3}, Altered},
		{"columns cut otherwise", []string{cols(0, 3, 0, ""), cols(2, 5, 0, "")},
			StreamReport{Taken: 5, Arrived: 5, Duplicates: 1, Unchecked: 1}, ""},
		{"columns back in time", []string{cols(0, 3, 0, ""), strings.Replace(cols(3, 4, 0, ""), "1764000003000", "1764000002000", 1)},
			StreamReport{Taken: 4, Arrived: 4}, Order},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := New()
			for _, m := range tt.in {
				if err := j.Take([]byte(m), nil); err != nil {
					t.Fatalf("%v\n%s", err, m)
				}
			}
			r := j.Report()
			want := tt.want
			want.Device, want.Stream = "d", run1
			if want.Lost == nil {
				want.Lost = map[string]uint64{}
			}
			if diff := cmp.Diff([]StreamReport{want}, r.Streams, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("account (-want +got):\n%s", diff)
			}
			if got := rules(r); got != tt.broken {
				t.Errorf("broken: got %q, want %q: %v", got, tt.broken, r.Broken)
			}
			if wantErr := tt.broken != "" || tt.want.Missing > 0; (r.Err() != nil) != wantErr {
				t.Errorf("Err() = %v", r.Err())
			}
		})
	}
}

func rules(r Report) string {
	var names []string
	for _, v := range r.Broken {
		names = append(names, v.Rule)
	}
	return strings.Join(names, " ")
}

func TestMalformed(t *testing.T) {
	r := `{"sensor":"a","quantity":"temperature","unit":"Cel","time":1,"value":2}`
	tests := map[string]string{
		"empty":              ``,
		"text":               `hello`,
		"cut":                rows(run1, 0, 2, "")[:60],
		"trailing":           rows(run1, 0, 1, "") + "x",
		"no readings":        `{"device":"d","stream":"` + run1 + `","seq":0}`,
		"no seq":             `{"device":"d","stream":"` + run1 + `","readings":[]}`,
		"no device":          `{"stream":"` + run1 + `","seq":0,"readings":[]}`,
		"seq below zero":     strings.Replace(one(0, r), `"seq":0`, `"seq":-1`, 1),
		"seq beyond reason":  strings.Replace(one(0, r), `"seq":0`, `"seq":9999999999999999999`, 1),
		"exponent":           one(0, strings.Replace(r, `"value":2`, `"value":2e3`, 1)),
		"NaN":                one(0, strings.Replace(r, `"value":2`, `"value":NaN`, 1)),
		"null":               one(0, strings.Replace(r, `"value":2`, `"value":null`, 1)),
		"leading zero":       one(0, strings.Replace(r, `"value":2`, `"value":02`, 1)),
		"no digits":          one(0, strings.Replace(r, `"value":2`, `"value":2.`, 1)),
		"value as text":      one(0, strings.Replace(r, `"value":2`, `"value":"2"`, 1)),
		"value and error":    one(0, strings.Replace(r, `"value":2`, `"value":2,"error":"crc"`, 1)),
		"neither":            one(0, strings.Replace(r, `,"value":2`, ``, 1)),
		"empty error":        one(0, strings.Replace(r, `"value":2`, `"error":""`, 1)),
		"no time":            one(0, strings.Replace(r, `"time":1,`, ``, 1)),
		"key twice":          one(0, strings.Replace(r, `"value":2`, `"value":2,"value":3`, 1)),
		"clock":              one(0, strings.Replace(r, `"value":2`, `"value":2,"clock":"fine"`, 1)),
		"raw newline":        one(0, strings.Replace(r, `"a"`, "\"a\n\"", 1)),
		"not UTF-8":          one(0, strings.Replace(r, `"a"`, "\"\xff\"", 1)),
		"half a pair":        one(0, strings.Replace(r, `"a"`, `"\ud800x"`, 1)),
		"array of readings":  "[" + r + "]",
		"deep":               `{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
		"columns count":      strings.Replace(cols(0, 3, 0, ""), `"count":3`, `"count":4`, 1),
		"columns lengths":    strings.Replace(cols(0, 3, 0, ""), `,1000]`, `]`, 1),
		"columns no count":   strings.Replace(cols(0, 3, 0, ""), `"count":3,`, ``, 1),
		"lost without seq":   rows(run1, 0, 1, `,"lost":[{"stream":"`+run1+`","count":1,"reason":"corrupt"}]`),
		"senml without seq":  `[{"bn":"d/","n":"a/temperature","u":"Cel","t":1,"v":2}]`,
		"senml two values":   `[{"bn":"d/","stream":"` + run1 + `","seq":0,"count":1,"n":"a/level","t":1,"v":2,"vb":true}]`,
		"senml vb number":    `[{"bn":"d/","stream":"` + run1 + `","seq":0,"count":1,"n":"a/level","t":1,"vb":1}]`,
		"senml vs no error":  `[{"bn":"d/","stream":"` + run1 + `","seq":0,"count":1,"n":"a/level","t":1,"vs":"crc"}]`,
		"senml short name":   `[{"bn":"d/","stream":"` + run1 + `","seq":0,"count":1,"n":"level","t":1,"v":1}]`,
		"senml count":        `[{"bn":"d/","stream":"` + run1 + `","seq":0,"count":2,"n":"a/level","t":1,"vb":true}]`,
		"finer than a nano":  one(0, strings.Replace(r, `"time":1`, `"time":1.0000001`, 1)),
		"both":               `{"device":"d","stream":"` + run1 + `","seq":0,"count":0,"readings":[],"series":[]}`,
		"beyond all numbers": one(0, strings.Replace(r, `"value":2`, `"value":`+strings.Repeat("9", 400), 1)),
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			j := New()
			if err := j.Take([]byte(in), func(*Batch) { t.Error("a malformed batch was shown") }); err == nil {
				t.Fatal("taken")
			}
			if r := j.Report(); rules(r) != Malformed || len(r.Streams) != 0 {
				t.Errorf("report %+v", r)
			}
		})
	}
}

// Whatever the format, the same readings must come out.
func TestFormatsAgree(t *testing.T) {
	head := `"device":"d","stream":"` + run1 + `","seq":7`
	want := []Reading{
		{Sensor: "air", Quantity: "temperature", Unit: "Cel", Time: 1764000000123000000, Value: 21.43},
		{Sensor: "air", Quantity: "temperature", Unit: "Cel", Time: 1764000001123000000, Value: -3},
		{Sensor: "air", Quantity: "relative_humidity", Unit: "%RH", Time: 1764000000123000000, Error: "crc"},
		{Sensor: "dö\"or", Quantity: "contact", Time: 1764000001250417000, Value: 1, Boolean: true, Unsynced: true},
	}
	in := map[string]string{
		"json": `{` + head + `,"readings":[
			{"sensor":"air","quantity":"temperature","unit":"Cel","time":1764000000123,"value":21.43},
			{"sensor":"air","quantity":"temperature","unit":"Cel","time":1764000001123,"value":-3,"new":{"k":[1,null,"x"]}},
			{"sensor":"air","quantity":"relative_humidity","unit":"%RH","time":1764000000123,"error":"crc"},
			{"sensor":"d\u00f6\"or","quantity":"contact","time":1764000001250.417,"value":true,"clock":"unsynced"}]}`,
		"columns": `{` + head + `,"count":4,"series":[
			{"sensor":"air","quantity":"temperature","unit":"Cel","time":[1764000000123,1000],"value":[21.43,-3]},
			{"sensor":"air","quantity":"relative_humidity","unit":"%RH","time":[1764000000123],"error":"crc"},
			{"sensor":"dö\"or","quantity":"contact","time":[1764000001250.417],"value":[true],"clock":"unsynced"}]}`,
		"senml": `[{"bn":"d/","bt":1764000000,"stream":"` + run1 + `","seq":7,"count":4,"n":"air/temperature","u":"Cel","t":0.123,"v":21.43},
			{"n":"air/temperature","u":"Cel","t":1.123,"v":-3},
			{"n":"air/relative_humidity/error","u":"%RH","t":0.123,"vs":"crc"},
			{"n":"d\u00f6\"or/contact","t":1.250417,"vb":true,"clock":"unsynced"}]`,
	}
	for format, m := range in {
		var got Batch
		err := New().Take([]byte(m), func(b *Batch) { got = *b; got.Readings = append([]Reading(nil), b.Readings...) })
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if got.Format != format || got.Seq != 7 || got.Count != 4 || got.Device != "d" || got.Stream != run1 {
			t.Errorf("%s: header %+v", format, got)
		}
		if diff := cmp.Diff(want, got.Readings); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}

func TestSenMLWithoutReadings(t *testing.T) {
	j := New()
	for _, carrier := range []string{"", `,"n":"readings","v":0`} {
		m := `[{"bn":"d/","bt":0,"stream":"` + run1 + `","seq":3,"count":0,"end":true,"lost":[` + entry(0, 3, 0, "queue_full") + `]` + carrier + `}]`
		if err := j.Take([]byte(m), nil); err != nil {
			t.Fatal(err)
		}
	}
	if r := j.Report(); r.Err() != nil || len(r.Streams) != 1 || r.Streams[0].Device != "d" {
		t.Errorf("%+v", r)
	}
}

func TestUnitOfAnError(t *testing.T) {
	j := New()
	j.Take([]byte(`[{"bn":"d/","bt":1,"stream":"`+run1+`","seq":0,"count":1,"n":"a/temperature/error","vs":"crc"}]`), nil)
	if got := rules(j.Report()); got != "" {
		t.Errorf("senml: %s", got)
	}
	j.Take([]byte(one(1, `{"sensor":"a","quantity":"temperature","time":5000,"error":"crc"}`)), nil)
	if got := rules(j.Report()); got != Unit {
		t.Errorf("json: %q", got)
	}
}

func TestIdentity(t *testing.T) {
	j := New()
	j.Take([]byte(rows(run1, 0, 1, "")), nil)
	j.Take([]byte(strings.Replace(rows(run1, 0, 1, ""), `"d"`, `"e"`, 1)), nil)
	j.Take([]byte(rows("0199f0c2-6f7e-4c11-9a51-0b6f2c1d8a44", 0, 1, "")), nil)
	if got := rules(j.Report()); got != Identity+" "+Identity {
		t.Errorf("got %q", got)
	}
}

func TestLostOfAnEarlierRun(t *testing.T) {
	j := New()
	j.Take([]byte(rows(run1, 0, 3, "")), nil)
	j.Take([]byte(rows(run2, 0, 3, lost(entry(3, 4, 0, "queue_full"))+end)), nil)
	r := j.Report()
	taken, arrived, gone, missing := r.Sum()
	if taken != 10 || arrived != 6 || gone != 4 || missing != 0 || r.Err() != nil {
		t.Errorf("taken %d, arrived %d, lost %d, missing %d, %v", taken, arrived, gone, missing, r.Err())
	}
	var out bytes.Buffer
	if err := r.WriteText(&out); err != nil || !strings.Contains(out.String(), "taken 7, arrived 3, missing 0, lost 4 queue_full") {
		t.Errorf("%v: %s", err, &out)
	}
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New()
		done := make(chan error, 1)
		go func() { done <- j.Await(t.Context(), func(n Totals) bool { return n.Readings == 3 }) }()
		for n := range 3 {
			synctest.Wait()
			select {
			case <-done:
				t.Fatalf("too early, at %d", n)
			default:
			}
			j.Take([]byte(rows(run1, n, n+1, "")), nil)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("enough")
		cancel(cause)
		if err := j.Await(ctx, func(Totals) bool { return false }); err != cause {
			t.Error(err)
		}
	})
}

// The list of ranges against a plain set.
func FuzzRanges(f *testing.F) {
	f.Add([]byte{3, 2, 5, 1, 4, 9, 200, 50, 10, 180})
	f.Fuzz(func(t *testing.T, in []byte) {
		var list []Range
		set := map[uint64]bool{}
		for in = in[:min(len(in), 200)]; len(in) >= 2; in = in[2:] {
			r := Range{uint64(in[0]), uint64(in[0]) + uint64(in[1]%20) + 1}
			if in[1] < 160 {
				list = insert(list, r)
				for n := r.From; n < r.To; n++ {
					set[n] = true
				}
			} else {
				most := uint64(in[1] % 7)
				var want uint64
				for n := r.From; n < r.To && want < most; n++ {
					if set[n] {
						delete(set, n)
						want++
					}
				}
				var got uint64
				if list, got = take(list, r, most); got != want {
					t.Fatalf("took %d, want %d", got, want)
				}
			}
			for n := range uint64(300) {
				if contains(list, n) != set[n] {
					t.Fatalf("%d: in the list %v, in the set %v: %v", n, contains(list, n), set[n], list)
				}
			}
		}
	})
}
