// Package host is the kind `host`: the health of the machine that the agent runs on, read from the kernel's files.
//
// It promises that every value was read a moment ago, in one go with the others, and that a source that is missing or that reads
// otherwise than expected fails alone, with its cause, while the rest goes on. What the machine does not have (a virtual one has
// no thermal zone) is left out, unless the configuration asks for it by name: then it is an error reading of class absent.
package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// metric is one quantity and how it is read.
type metric struct {
	quantity sensors.Quantity
	read     func(h *host) (float64, error)
}

// metrics lists what there is to read, in the order in which it is reported.
func metrics() []metric {
	return []metric{
		{sensors.Temperature, (*host).temperature},
		{sensors.Load, (*host).load},
		{sensors.CPUUsage, (*host).cpuUsage},
		{sensors.MemoryUsed, (*host).memoryUsed},
		{sensors.DiskUsed, (*host).diskUsed},
		{sensors.Uptime, (*host).uptime},
		{sensors.NetworkReceived, (*host).networkReceived},
		{sensors.NetworkSent, (*host).networkSent},
	}
}

// host is one opened sensor. It implements sensors.Sensor.
type host struct {
	paths   paths
	link    string // the network interface; "": all but lo
	metrics []metric
	list    []sensors.Measurement
	buf     []byte

	cpu   cpuTimes // at the reading from which usage counts
	usage float64  // last told; negative: none yet
	net   netTotals
	fresh bool // net was read in this Sense
}

// open is the kind's Open.
func open(_ context.Context, b kind.Board, p kind.Params) (any, error) {
	h := &host{paths: newPaths(b.Root(), cmp.Or(p.String("disk"), "/")), link: p.String("interface"), usage: -1}
	asked := requested(p)
	for _, m := range metrics() {
		switch {
		case slices.Contains(asked, m.quantity):
		case p.Has("metrics"):
			continue
		default:
			if _, err := m.read(h); sensors.ClassOf(err) == sensors.Absent {
				continue
			}
		}
		h.metrics = append(h.metrics, m)
	}
	if len(h.metrics) == 0 {
		return nil, &sensors.Error{Class: sensors.Absent, Op: "host", Err: fmt.Errorf("there is nothing to read below %s", b.Root())}
	}
	h.cpu, h.usage = cpuTimes{}, -1
	h.list = make([]sensors.Measurement, len(h.metrics))
	return h, nil
}

// requested returns the quantities that the configuration asks for by name, of itself or by naming their source.
func requested(p kind.Params) (list []sensors.Quantity) {
	if p.Has("metrics") {
		for _, name := range p.List("metrics") {
			list = append(list, sensors.Quantity(name.(string)))
		}
		return list
	}
	if p.Has("disk") {
		list = append(list, sensors.DiskUsed)
	}
	if p.Has("interface") {
		list = append(list, sensors.NetworkReceived, sensors.NetworkSent)
	}
	return list
}

// Sense reads every source. It never fails as a whole, unless ctx has ended.
func (h *host) Sense(ctx context.Context) ([]sensors.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, &sensors.Error{Class: sensors.Timeout, Op: "host", Err: err}
	}
	h.fresh = false
	for i, m := range h.metrics {
		v, err := m.read(h)
		h.list[i] = sensors.Measurement{Quantity: m.quantity, Value: v}
		if err != nil {
			h.list[i] = sensors.Measurement{Quantity: m.quantity, Err: sensors.ClassOf(err), Cause: err}
		}
	}
	return h.list, nil
}

// Close has nothing to let go of: files are open only while they are read.
func (h *host) Close() error { return nil }

// unexpected is the failure of a source that reads otherwise than it should.
func unexpected(path string) error {
	return &sensors.Error{Class: sensors.IO, Op: "host: " + path, Err: errors.New("reads otherwise than expected")}
}
