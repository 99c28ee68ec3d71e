package payload

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	got, err := Decode([]byte(` {"new":{"a":[1,{}]}, "seq":18446744073709551615,"stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","device":"d",
		"lost":[{"stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":0,"count":2,"span":9,"reason":"thinned","x":1}],"end":true,
		"readings":[{"sensor":"s","quantity":"q","time":-0.5,"value":-1.50,"clock":"unsynced","extra":null}]} `))
	want := Batch{
		Header:   Header{Device: "d", Stream: stream, Seq: 1<<64 - 1, End: true, Lost: []Loss{{Stream: stream, Count: 2, Span: 9, Reason: "thinned"}}},
		Readings: []Reading{{Sensor: "s", Quantity: "q", Time: -500, Value: -1.5, Unsynced: true}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestDecodeRefuses changes one thing of a good message at a time.
func TestDecodeRefuses(t *testing.T) {
	const good = `{"device":"d","stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":1,` +
		`"lost":[{"stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":4,"count":2,"span":3,"reason":"thinned"}],"end":true,` +
		`"readings":[{"sensor":"s","quantity":"q","unit":"u","time":5.125,"value":6,"clock":"unsynced"}]}`
	if _, err := Decode([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`{"device`, `[{"device`, "where {"},
		{`]}`, `]}{}`, "follows"},
		{`]}`, `]} x`, "follows"},
		{`]}`, `]`, "EOF"},
		{`"d"`, `"` + "\xff" + `"`, "UTF-8"},
		{`"device":"d",`, ``, "device: missing"},
		{`"device"`, `"Device"`, "device: missing"},
		{`"d"`, `""`, "device"},
		{`"d"`, `7`, "device"},
		{`"seq":1`, `"seq":1,"seq":1`, "seq: twice"},
		{`"seq":1`, `"seq":-1`, "seq"},
		{`"seq":1`, `"seq":1.5`, "seq"},
		{`"seq":1`, `"seq":1e2`, "plain"},
		{`"stream":"0199f0c2-`, `"stream":"0199F0C2-`, "UUID"},
		{`"stream":"0199f0c2-`, `"stream":"0199f0c2`, "UUID"},
		{`"stream":"0199f0c2-`, `"stream":"00199f0c2-`, "UUID"},
		{`"end":true`, `"end":false`, "end"},
		{`"end":true`, `"end":1`, "end"},
		{`"count":2`, `"count":0`, "lost: [0]"},
		{`"span":3`, `"span":1`, "span of 1"},
		{`,"reason":"thinned"`, ``, "reason: missing"},
		{`"sensor":"s",`, ``, "sensor: missing"},
		{`"unit":"u"`, `"unit":""`, "unit"},
		{`"time":5.125`, `"time":5.1255`, "decimals"},
		{`"time":5.125`, `"time":"5"`, "time"},
		{`"time":5.125`, `"time":5e3`, "plain"},
		{`"value":6`, `"value":6e0`, "plain"},
		{`"value":6`, `"value":1` + strings.Repeat("0", 400), "plain"},
		{`"value":6`, `"value":null`, "value"},
		{`"value":6`, `"value":"6"`, "value"},
		{`"value":6`, `"value":NaN`, "value"},
		{`"value":6`, `"value":6,"error":"crc"`, "both"},
		{`"value":6,`, ``, "neither"},
		{`"unsynced"`, `"synced"`, "clock"},
		{`"readings":[`, `"readings":[,`, "invalid"},
		{`"unsynced"}]`, `"unsynced"},]`, "invalid"},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if strings.HasPrefix(c.old, "]}") {
			bad = strings.TrimSuffix(good, c.old) + c.new
		}
		if bad == good {
			t.Fatalf("%q is not in the message", c.old)
		}
		if _, err := Decode([]byte(bad)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: error %v, want %q in it", c.new, c.old, err, c.want)
		}
	}
}

// FuzzDecode reads arbitrary messages: nothing panics, and what passes agrees with encoding/json about its size.
func FuzzDecode(f *testing.F) {
	for _, b := range batches() {
		f.Add(encode(new(rows), b.h, items(f, b.rs)))
	}
	f.Add([]byte(`{"device":"d","stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":1,"readings":[]}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		b, err := Decode(message)
		if err != nil {
			return
		}
		second := make(map[string]json.RawMessage) // a map, as struct fields match in any case
		var readings []json.RawMessage
		if err = json.Unmarshal(message, &second); err == nil {
			err = json.Unmarshal(second["readings"], &readings)
		}
		if err != nil || b.Device == "" || len(b.Readings) != len(readings) {
			t.Errorf("%v: %+v", err, b)
		}
	})
}

// FuzzEncode makes readings, losses and a header of any bytes, and a message of them in every format.
func FuzzEncode(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x01\xff\xff\xff\xff\xff\xff\xff\xff\x01\x03 three losses and some readings follow, whatever they are, 0123456789"))
	f.Add([]byte(strings.Repeat("\x09\x00\x01\x7f\xef\xff\xff\xff\xff\xff\xff", 20)))
	compiled := schemas(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		h, its := exercise(t, data)
		if len(data)%8 == 0 {
			for format, s := range compiled {
				if err := validate(s, encode(newEncoder(t, format), h, its)); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
