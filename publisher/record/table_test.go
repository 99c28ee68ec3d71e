package record

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pinhole/sensors"
)

// TestCodes: a code stands for the unit that package sensors gives the quantity, so that the short form is never wrong.
func TestCodes(t *testing.T) {
	seen := map[sensors.Quantity]bool{}
	for code, row := range quantities {
		if code == 0 {
			continue
		}
		if row.name == "" || seen[row.name] {
			t.Errorf("code %d: %q is empty or there twice", code, row.name)
		}
		seen[row.name] = true
	}
	for _, info := range sensors.Quantities() {
		code := quantityCode(info.Quantity, info.Unit)
		if code == 0 && seen[info.Quantity] {
			t.Errorf("%s: the unit is %q now; give it a new code at the end of the table", info.Quantity, info.Unit)
		} else if code == 0 {
			t.Logf("%s has no code: it is stored in full", info.Quantity)
		}
	}
	for _, c := range []sensors.Class{sensors.Absent, sensors.NAK, sensors.Timeout, sensors.CRC, sensors.Range, sensors.Busy,
		sensors.Denied, sensors.Wrong, sensors.Warmup, sensors.IO} {
		if classCode(c) == 0 {
			t.Errorf("class %s has no code", c)
		}
	}
}

func TestTableIsStable(t *testing.T) {
	table := NewTable()
	a := table.lookup([]byte("air"), 1, nil, nil)
	if b := table.lookup([]byte("air"), 1, nil, nil); a != b {
		t.Error("one series, two pointers")
	}
	if b := table.lookup([]byte("air"), 0, []byte("temperature"), []byte("K")); a == b || b.Unit != "K" {
		t.Errorf("another unit, the same series: %+v", b)
	}
	if c, d := table.lookup([]byte("a"), 0, []byte("bc"), nil), table.lookup([]byte("ab"), 0, []byte("c"), nil); c == d {
		t.Error("two series, one pointer")
	}
}

func TestTableIsBounded(t *testing.T) {
	table := NewTable()
	for i := range maxSeries + 10 {
		table.lookup(fmt.Append(nil, "s", i), 1, nil, nil)
	}
	if n := table.Len(); n > maxSeries {
		t.Errorf("%d series", n)
	}
	table = NewTable()
	for i := range 300 {
		table.lookup(fmt.Append(nil, strings.Repeat("x", 100_000), i), 1, nil, nil)
		table.class(fmt.Append(nil, "c", i))
	}
	if table.text > maxText || table.Len() > maxText/100_000 || len(table.classes) > 256 {
		t.Errorf("%d bytes of text, %d series, %d classes", table.text, table.Len(), len(table.classes))
	}
}

func TestAppendQuoted(t *testing.T) {
	for _, s := range []string{"", "air", `a"b\c`, "tab\tnul\x00del\x7f", "grün 温度 \U0001f321", "bad\xff\xc3", "\xed\xa0\x80", "\u2028", "\ufffd"} {
		got := AppendQuoted([]byte("x"), s)[1:]
		var back string
		if err := json.Unmarshal(got, &back); err != nil || !utf8.Valid(got) {
			t.Errorf("%q: %s: %v", s, got, err)
		}
		want, _ := json.Marshal(s)
		var std string
		if err := json.Unmarshal(want, &std); err != nil || back != std {
			t.Errorf("%q: %q, encoding/json gives %q", s, back, std)
		}
	}
}
