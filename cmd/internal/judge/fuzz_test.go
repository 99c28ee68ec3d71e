package judge

import (
	"encoding/json"
	"strings"
	"testing"
)

// The scanner may refuse more than encoding/json does (exponents, keys that come twice), never less; and what it takes it must
// read alike.
func FuzzTake(f *testing.F) {
	for _, s := range []string{
		rows(run1, 0, 3, lost(entry(1, 2, 5, "thinned"))+end),
		cols(3, 6, 1, ""),
		`[{"bn":"d/","bt":1764000000,"stream":"` + run1 + `","seq":7,"count":1,"n":"a/temperature","u":"Cel","t":0.5,"v":-0.25}]`,
		one(0, `{"sensor":"\ud83d\ude00\/\u0041","quantity":"contact","time":1.5,"value":false,"x":[{"y":null}]}`),
		`{"device":"d","stream":"s","seq":0,"readings":[]} `,
		`[]`, `{}`, `"`, `{"a":1e5}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		j := New()
		var got []Reading
		format := ""
		if err := j.Take([]byte(in), func(b *Batch) { got, format = b.Readings, b.Format }); err != nil {
			return
		}
		if !json.Valid([]byte(in)) {
			t.Fatalf("taken, but not JSON: %q", in)
		}
		j.Report()
		if format != "json" {
			return
		}
		var want struct {
			Readings []struct {
				Sensor string
				Value  any
				Error  string
			}
		}
		if err := json.Unmarshal([]byte(in), &want); err != nil || len(want.Readings) != len(got) || foldedKeys(in) {
			return // encoding/json folds the case of keys; such an input cannot be compared
		}
		for i, w := range want.Readings {
			g := got[i]
			v, isNumber := w.Value.(float64)
			if g.Sensor != w.Sensor || g.Error != w.Error || isNumber && g.Error == "" && v != g.Value {
				t.Fatalf("reading %d: got %+v, want %+v", i, g, w)
			}
		}
	})
}

func foldedKeys(in string) bool {
	low := strings.ToLower(in)
	for _, key := range []string{"sensor", "value", "error", "readings"} {
		if strings.Count(low, key) != strings.Count(in, `"`+key+`"`) || strings.Contains(in, `\`) {
			return true
		}
	}
	return strings.ContainsAny(in, "\u212a\u017f")
}
