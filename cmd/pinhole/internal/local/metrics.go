package local

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pinhole/publisher/queue"
	"pinhole/publisher/route"
)

// maxSensors bounds the series of /metrics: one agent may have 20,000 sensors, and nobody's Prometheus wants them all.
const maxSensors = 1000

// metrics writes the snapshot in Prometheus' text format, version 0.0.4.
func (s *Snapshot) metrics(now time.Time) []byte {
	var b bytes.Buffer
	m := &exposition{b: &b}
	m.head("pinhole_build_info", "gauge", "Version of the agent.")
	m.value("pinhole_build_info", `version="`+escape(s.Version)+`",device="`+escape(s.Device)+`"`, 1)
	l, q := &s.Link, &s.Queue
	m.one("pinhole_connected", "gauge", "1 while there is a link to the broker.", truth(l.Connected))
	m.one("pinhole_connects_total", "counter", "Links made.", float64(l.Connects))
	m.one("pinhole_connect_failures", "gauge", "Attempts and short sessions that failed in a row.", float64(l.Failures))
	m.head("pinhole_connect_failure_stage", "gauge", "1 for the stage at which the last attempt failed; none while connected.")
	for _, stage := range route.Stages() {
		m.value("pinhole_connect_failure_stage", `stage="`+string(stage)+`"`, truth(l.Stage == string(stage)))
	}
	m.one("pinhole_in_flight", "gauge", "Messages on their way.", float64(l.InFlight))
	m.one("pinhole_messages_total", "counter", "Messages acknowledged.", float64(l.Messages))
	m.one("pinhole_readings_delivered_total", "counter", "Readings acknowledged.", float64(l.Readings))
	m.one("pinhole_payload_bytes_total", "counter", "Payload bytes acknowledged.", float64(l.Bytes))
	m.one("pinhole_readings_taken_total", "counter", "Readings taken in this run.", float64(s.Taken))
	m.head("pinhole_readings_lost_total", "counter", "Readings given up, by reason.")
	for reason, n := range q.Lost {
		m.value("pinhole_readings_lost_total", `reason="`+queue.Reason(reason).String()+`"`, float64(n))
	}
	m.one("pinhole_queue_readings", "gauge", "Readings that wait.", float64(q.Readings))
	m.one("pinhole_queue_bytes", "gauge", "Bytes of the queue on disk.", float64(q.Bytes))
	m.one("pinhole_queue_memory_bytes", "gauge", "Bytes of the queue in memory.", float64(q.Memory))
	age := 0.0
	if !q.Oldest.IsZero() {
		age = max(0, now.Sub(q.Oldest).Seconds())
	}
	m.one("pinhole_queue_oldest_seconds", "gauge", "Age of the oldest reading that waits.", age)
	m.one("pinhole_queue_disk_ok", "gauge", "1 while the disk takes readings.", truth(q.Disk == queue.DiskOK))
	m.one("pinhole_queue_syncs_total", "counter", "Writes made durable.", float64(q.Syncs))
	m.one("pinhole_queue_sync_failures_total", "counter", "Writes that failed.", float64(q.SyncFails))
	m.one("pinhole_queue_written_bytes_total", "counter", "Bytes handed to the disk.", float64(q.Written))
	m.one("pinhole_clock_synced", "gauge", "1 while the clock can be trusted.", truth(s.Synced))
	s.sensorMetrics(m)
	return b.Bytes()
}

func (s *Snapshot) sensorMetrics(m *exposition) {
	list := s.Sensors[:min(len(s.Sensors), maxSensors)]
	m.one("pinhole_sensors", "gauge", "Configured sensors.", float64(len(s.Sensors)))
	m.one("pinhole_sensors_omitted", "gauge", "Sensors without series of their own here.", float64(len(s.Sensors)-len(list)))
	for _, x := range []struct {
		name, kind, help string
		of               func(i int) float64
	}{
		{"pinhole_sensor_ok", "gauge", "1 while the sensor's last measurement was good.", func(i int) float64 { return truth(list[i].Class == "") }},
		{"pinhole_sensor_failures", "gauge", "Failed measurements in a row.", func(i int) float64 { return float64(list[i].Failures) }},
		{"pinhole_sensor_readings_total", "counter", "Readings, errors included.", func(i int) float64 { return float64(list[i].Readings) }},
		{"pinhole_sensor_skipped_total", "counter", "Ticks skipped because the bus was busy.", func(i int) float64 { return float64(list[i].Skipped) }},
		{"pinhole_sensor_lost_total", "counter", "Edges that the kernel had to drop.", func(i int) float64 { return float64(list[i].Lost) }},
		{"pinhole_sensor_duration_seconds", "gauge", "The last measurement.", func(i int) float64 { return list[i].Took.Seconds() }},
		{"pinhole_sensor_last_success_timestamp_seconds", "gauge", "The last good measurement; 0: none yet.", func(i int) float64 {
			if list[i].Good.IsZero() {
				return 0
			}
			return float64(list[i].Good.UnixMilli()) / 1000
		}},
	} {
		m.head(x.name, x.kind, x.help)
		for i := range list {
			m.value(x.name, `sensor="`+escape(list[i].Name)+`"`, x.of(i))
		}
	}
}

// exposition writes metrics.
type exposition struct{ b *bytes.Buffer }

func (m *exposition) head(name, kind, help string) {
	fmt.Fprintf(m.b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (m *exposition) value(name, labels string, v float64) {
	if labels != "" {
		labels = "{" + labels + "}"
	}
	fmt.Fprintf(m.b, "%s%s %s\n", name, labels, strconv.FormatFloat(v, 'g', -1, 64))
}

func (m *exposition) one(name, kind, help string, v float64) {
	m.head(name, kind, help)
	m.value(name, "", v)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// escape makes s a label's value.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}
