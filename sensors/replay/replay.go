// Package replay is the kind `replay`: it plays back readings from a CSV file, at the pace at which they were taken, faster, or
// as fast as they can be read.
//
// It promises to stream: a file of any size costs one buffer, and a row costs no allocation once its sensor has been seen. Every
// row becomes a reading, or an error reading whose cause names file and line; a bad row does not stop the rows after it. The time
// of a row is handed on as it stands, without looking at the clock. What becomes of a row that is older than the one before it is
// left to the sampler.
package replay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// maxLine is the longest row, in bytes. The longest good one has about 300.
const maxLine = 16 << 10

// Header is the first line of a file.
const header = "time,sensor,quantity,unit,value"

// replay is one opened file. It implements sensors.Watcher.
type replay struct {
	path  string
	speed float64 // 0: as fast as possible
	file  *os.File
	in    *bufio.Reader
	line  int // the last one read, from 1
	names map[string]string
	timer *time.Timer

	origin time.Time // of the first row that has a time
	start  time.Time // when it was due
}

// open is the kind's Open.
func open(_ context.Context, _ kind.Board, p kind.Params) (any, error) {
	speed, err := parseSpeed(p.String("speed"))
	if err != nil {
		return nil, &sensors.Error{Class: sensors.Wrong, Op: "replay", Err: err}
	}
	return openFile(p.String("file"), speed)
}

// openFile opens path and reads its header.
func openFile(path string, speed float64) (*replay, error) {
	r := &replay{path: path, speed: speed, names: map[string]string{}}
	info, err := os.Stat(path) // before it is opened: opening a named pipe would wait for its writer
	if err == nil && !info.Mode().IsRegular() {
		err = &sensors.Error{Class: sensors.Wrong, Op: path, Err: errors.New("is not a file")}
	}
	if err == nil {
		r.file, err = os.Open(path)
	}
	if err != nil {
		return nil, &sensors.Error{Class: sensors.ClassOf(err), Op: "replay", Err: err}
	}
	r.in = bufio.NewReaderSize(r.file, maxLine)
	line, err := r.next()
	line = bytes.TrimPrefix(line, []byte("\uFEFF"))
	var f [columns][]byte
	switch {
	case err != nil && err != io.EOF:
		r.file.Close()
		return nil, &sensors.Error{Class: sensors.ClassOf(err), Op: "replay", Err: r.at(err)}
	case split(line, &f) != nil || string(bytes.Join(f[:], []byte(","))) != header:
		r.file.Close()
		return nil, &sensors.Error{Class: sensors.Wrong, Op: "replay", Err: r.at(errors.New("the header is not " + header))}
	}
	return r, nil
}

// at names file and line in front of err.
func (r *replay) at(err error) error { return fmt.Errorf("%s:%d: %w", r.path, max(r.line, 1), err) }

// Watch plays the file and returns nil at its end. It can be called once.
func (r *replay) Watch(ctx context.Context, emit func(sensors.Measurement)) error {
	for ctx.Err() == nil {
		line, err := r.next()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, errLong):
			emit(sensors.Measurement{Quantity: sensors.Raw, Err: sensors.IO, Cause: r.at(err)})
			continue
		case err != nil:
			return &sensors.Error{Class: sensors.ClassOf(err), Op: "replay", Err: r.at(err)}
		case len(bytes.TrimSpace(line)) == 0:
			continue
		}
		m, err := r.row(line)
		if err != nil {
			m.Err, m.Cause = sensors.IO, r.at(err)
		} else if !r.wait(ctx, m.Time) {
			return nil
		}
		emit(m)
	}
	return nil
}

// errLong is a row that cannot be one.
var errLong = fmt.Errorf("the row is longer than %d bytes", maxLine)

// next returns the next line, without its end, until it is called again. At the end of the file it returns io.EOF and nothing.
func (r *replay) next() (line []byte, err error) {
	line, err = r.in.ReadSlice('\n')
	if len(line) > 0 || err == bufio.ErrBufferFull {
		r.line++
	}
	switch {
	case err == bufio.ErrBufferFull:
		for err == bufio.ErrBufferFull {
			_, err = r.in.ReadSlice('\n')
		}
		if err == nil || err == io.EOF {
			err = errLong
		}
		return nil, err
	case err == io.EOF && len(line) > 0: // a last line without an end
		err = nil
	case err != nil:
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// wait waits until a row with time t is due. It reports false when ctx ended first.
func (r *replay) wait(ctx context.Context, t time.Time) bool {
	if r.speed == 0 || t.IsZero() {
		return true
	}
	if r.origin.IsZero() {
		r.origin, r.start = t, time.Now()
	}
	ns := float64(t.Sub(r.origin)) / r.speed
	d := time.Until(r.start.Add(time.Duration(min(ns, math.MaxInt64/4))))
	if d <= 0 {
		return true
	}
	if r.timer == nil {
		r.timer = time.NewTimer(d)
	} else {
		r.timer.Reset(d)
	}
	select {
	case <-r.timer.C:
		return true
	case <-ctx.Done():
		r.timer.Stop()
		return false
	}
}

// Close closes the file.
func (r *replay) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
