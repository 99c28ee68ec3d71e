package replay

import (
	"errors"
	"io/fs"
	"math"
	"strconv"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// Kind describes the kind for the table of kinds.
func Kind() kind.Kind {
	return kind.Kind{
		Name:    "replay",
		Summary: "plays back readings from a CSV file",
		Event:   true,
		Keys: []kind.Key{
			{Name: "file", Type: kind.File, Help: "the CSV file", Required: true},
			{Name: "speed", Type: kind.String, Default: "1",
				Help: "1: as it was; 60: a minute in a second; any other number above zero; max: as fast as it goes"},
		},
		Yields: func(kind.Params) []sensors.Quantity { return nil }, // the file tells
		Check:  check,
		Open:   open,
		Manual: kind.Manual{
			Parts: "none",
			Range: "whatever stands in the file",
			Notes: []string{
				"The first line is " + header + ".",
				"time is in RFC 3339 (2026-11-24T08:00:00.5Z) or in milliseconds since 1970, which may have a fraction. Empty: the reading is " +
					"of now, and comes at once.",
				"sensor is the name under which the reading is sent; empty: this sensor's name.",
				"quantity is one of the table. unit is that quantity's, or empty. value is a number, or true or false.",
				"The first row that has a time comes at once, each other one as much later as its time is later, divided by speed. A row " +
					"that is older than the one before it does not wait.",
				"A row that cannot be read becomes an error reading of class io; the log names file and line. The rows after it go on.",
				"At its end the file is not played again.",
			},
			Example: "name: winter\nkind: replay\nfile: winter.csv\nspeed: 60\n",
		},
	}
}

// errSpeed is a speed that is none.
var errSpeed = errors.New("speed is neither a number above zero nor max")

// parseSpeed returns how many times faster than it was; 0 is as fast as possible.
func parseSpeed(s string) (float64, error) {
	if s == "max" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		return 0, errSpeed
	}
	return v, nil
}

// check looks whether the file is there and begins as it should.
func check(p kind.Params) (problems []kind.Problem) {
	if _, err := parseSpeed(p.String("speed")); err != nil {
		message := strconv.Quote(p.String("speed")) + " is no speed"
		problems = append(problems, kind.Problem{Key: "speed", Message: message, Hint: "use 1, 60 or max"})
	}
	r, err := openFile(p.String("file"), 0)
	if err == nil {
		r.Close()
		return problems
	}
	e, _ := errors.AsType[*sensors.Error](err)
	problem := kind.Problem{Key: "file", Message: e.Err.Error()}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		problem.Message, problem.Hint = p.String("file")+" does not exist", "a relative path starts at the configuration's folder"
	case errors.Is(err, fs.ErrPermission):
		problem.Hint = "let the user that runs pinhole read it"
	case e.Class == sensors.Wrong:
		problem.Hint = "it must be a CSV file with the header " + header
	}
	return append(problems, problem)
}
