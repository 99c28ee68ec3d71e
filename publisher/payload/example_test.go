package payload_test

import (
	"fmt"

	"pinhole/publisher/payload"
	"pinhole/publisher/record"
	"pinhole/sensors"
	"pinhole/sensors/clock"
)

// From a reading to a message: into a block, which is what the queue keeps, and out of it into a message of limited size.
func Example() {
	w := record.NewWriter(clock.BootID{})
	w.Add(&sensors.Reading{Sensor: "air", Quantity: sensors.Temperature, Value: 21.43,
		Stamp: clock.Stamp{Boot: 60e9, Wall: 1764000000123e6, Synced: true}})
	block := w.Take()

	r := record.NewReader(record.NewTable())
	if err := r.Reset(block); err != nil {
		fmt.Println(err)
	}
	e, err := payload.New("json")
	if err != nil {
		fmt.Println(err)
	}
	e.Begin(payload.Header{Device: "greenhouse-7", Seq: 1200})
	var it record.Item
	for r.Next(&it) {
		if !payload.AddWithin(e, &it, it.Wall, !it.Synced, 5000) {
			break
		}
	}
	fmt.Printf("%s\n%d of %d bytes\n", e.Finish(), e.Len(), 5000)
	// Output:
	// {"device":"greenhouse-7","stream":"00000000-0000-0000-0000-000000000000","seq":1200,"readings":[{"sensor":"air","quantity":"temperature","unit":"Cel","time":1764000000123,"value":21.43}]}
	// 187 of 5000 bytes
}
