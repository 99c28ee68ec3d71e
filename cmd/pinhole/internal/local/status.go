package local

import (
	"math"
	"strings"
	"time"

	"pinhole/publisher"
	"pinhole/publisher/queue"
	"pinhole/sensors"
)

// Source is where the endpoint learns how the agent is. Its methods must be safe for concurrent use.
type Source interface {
	Snapshot() Snapshot
	// Subscribe has f called with readings as they are taken, until the returned function is called. f must not block.
	Subscribe(f func([]sensors.Reading)) (cancel func())
}

// Snapshot is the agent at one moment.
type Snapshot struct {
	Device, Version, Stream, Broker, Topic string
	Started                                time.Time
	Synced                                 bool
	Taken                                  uint64
	Link                                   publisher.Stats
	Queue                                  queue.Stats
	Sensors                                []sensors.Health
}

// Status is what /api/status gives. Times are in milliseconds since 1970; null where there is none.
type Status struct {
	OK       bool     `json:"ok"`
	Problems []string `json:"problems"` // why not; see Snapshot.problems
	Device   string   `json:"device"`
	Version  string   `json:"version"`
	Stream   string   `json:"stream"`
	Started  *int64   `json:"started"`
	Clock    string   `json:"clock"` // synced or unsynced
	Link     Link     `json:"link"`
	Queue    Queue    `json:"queue"`
	Sensors  []Sensor `json:"sensors"`
}

// Link is the state of the connection.
type Link struct {
	Connected bool   `json:"connected"`
	Since     *int64 `json:"since"` // of that state
	Broker    string `json:"broker"`
	Topic     string `json:"topic"`
	Connects  uint64 `json:"connects"`
	Failures  int    `json:"failures"` // in a row
	Stage     string `json:"stage"`    // at which the last attempt failed: key dns tcp proxy tls alpn intercepted clock ws connack ack
	Error     string `json:"error"`
	Retry     *int64 `json:"retry"`
	InFlight  int    `json:"in_flight"`
	Messages  uint64 `json:"messages"` // acknowledged
	Readings  uint64 `json:"readings"` // in them
	Bytes     uint64 `json:"bytes"`
	LastAck   *int64 `json:"last_ack"`
}

// Queue is the state of the backlog.
type Queue struct {
	Readings uint64            `json:"readings"`
	Bytes    int64             `json:"bytes"` // on disk
	Memory   int64             `json:"memory"`
	Oldest   *int64            `json:"oldest"`
	Taken    uint64            `json:"taken"`   // of this run
	Settled  uint64            `json:"settled"` // of them
	Lost     map[string]uint64 `json:"lost"`
	Disk     string            `json:"disk"` // ok, full or failed
	Why      string            `json:"why"`
	Written  uint64            `json:"written"` // bytes handed to the disk
}

// Sensor is the state of one sensor.
type Sensor struct {
	Name     string  `json:"name"`
	OK       bool    `json:"ok"`
	Good     *int64  `json:"good"` // the last good measurement
	Took     float64 `json:"took"` // the last one, in seconds
	Failures int     `json:"failures"`
	Class    string  `json:"class"`
	Error    string  `json:"error"`
	Readings uint64  `json:"readings"`
	Skipped  uint64  `json:"skipped"`
	Lost     uint64  `json:"lost"`
}

func ms(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMilli())
}

// Status turns the snapshot into what the API gives.
func (s *Snapshot) Status() Status {
	l, q := &s.Link, &s.Queue
	st := Status{
		Problems: s.problems(), Device: s.Device, Version: s.Version, Stream: s.Stream, Started: ms(s.Started), Clock: "unsynced",
		Link: Link{
			Connected: l.Connected, Since: ms(l.Since), Broker: s.Broker, Topic: s.Topic, Connects: l.Connects, Failures: l.Failures,
			Stage: l.Stage, Error: l.Error, Retry: ms(l.Retry), InFlight: l.InFlight, Messages: l.Messages, Readings: l.Readings,
			Bytes: l.Bytes, LastAck: ms(l.LastAck),
		},
		Queue: Queue{
			Readings: q.Readings, Bytes: q.Bytes, Memory: q.Memory, Oldest: ms(q.Oldest), Taken: s.Taken, Settled: q.Acked,
			Lost: map[string]uint64{}, Disk: q.Disk.String(), Why: q.Why, Written: q.Written,
		},
		Sensors: []Sensor{},
	}
	st.OK = len(st.Problems) == 0
	if s.Synced {
		st.Clock = "synced"
	}
	for reason, n := range q.Lost {
		st.Queue.Lost[queue.Reason(reason).String()] = n
	}
	for _, h := range s.Sensors {
		st.Sensors = append(st.Sensors, Sensor{
			Name: h.Name, OK: h.Class == "", Good: ms(h.Good), Took: math.Round(h.Took.Seconds()*1e6) / 1e6, Failures: h.Failures,
			Class: string(h.Class), Error: h.Error, Readings: h.Readings, Skipped: h.Skipped, Lost: h.Lost,
		})
	}
	return st
}

// problems lists what keeps the agent from being healthy: no connection, a disk that does not take readings, sensors that fail.
func (s *Snapshot) problems() []string {
	list := []string{}
	if !s.Link.Connected {
		text := "not connected"
		if s.Link.Error != "" {
			text += ": " + s.Link.Error
		}
		list = append(list, text)
	}
	if s.Queue.Disk != queue.DiskOK {
		list = append(list, strings.TrimSuffix("queue's disk "+s.Queue.Disk.String()+": "+s.Queue.Why, ": "))
	}
	for _, h := range s.Sensors {
		if h.Class != "" {
			list = append(list, "sensor "+h.Name+": "+string(h.Class))
		}
	}
	return list
}
