package sysfs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pinhole/sensors"
)

// Device is a device as the kernel shows it.
type Device struct {
	Dir   string // path of its folder
	Name  string // what its driver calls it: "bmp280", "dht11@0"; "" where it says nothing
	Label string // what the device tree calls it; "" as a rule
	At    string // where it is attached, by the kernel's name for that: "1-0076" is address 0x76 of i2c-1; "" where that is unknown
}

// Devices lists the devices that have a folder PREFIXn in folder, which is relative to root, by their numbers.
func Devices(root, folder, prefix string) ([]Device, error) {
	base := filepath.Join(root, folder)
	entries, err := os.ReadDir(base)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return Natural(a.Name(), b.Name()) })
	var list []Device
	for _, e := range entries {
		if number, ok := strings.CutPrefix(e.Name(), prefix); !ok || number == "" || strings.Trim(number, "0123456789") != "" {
			continue
		}
		dir := filepath.Join(base, e.Name())
		list = append(list, Device{Dir: dir, Name: Line(dir, "name"), Label: Line(dir, "label"), At: at(dir)})
	}
	return list, nil
}

// Natural orders names of one prefix by their numbers: hwmon9 before hwmon10.
func Natural(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) }

// Line is the first line of a file that names something; "" if it cannot be read.
func Line(dir, name string) string {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return string(bytes.TrimSpace(bytes.TrimRight(line, "\x00")))
}

// at finds out where a device is attached: class devices have a link named device for it, bus devices lie in its folder.
func at(dir string) string {
	if path, err := filepath.EvalSymlinks(filepath.Join(dir, "device")); err == nil {
		return filepath.Base(path)
	}
	if info, err := os.Lstat(dir); err == nil && info.Mode()&os.ModeSymlink != 0 {
		if path, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Base(filepath.Dir(path))
		}
	}
	return ""
}

// Wanted says which device is meant. What is "" may be anything.
type Wanted struct {
	Name  string // with or without what follows an @
	Label string
	At    string
}

// String describes the device for an error.
func (w Wanted) String() string {
	var s []string
	if w.Name != "" {
		s = append(s, w.Name)
	}
	if w.Label != "" {
		s = append(s, "label "+w.Label)
	}
	if w.At != "" {
		s = append(s, "at "+w.At)
	}
	return strings.Join(s, " ")
}

func (w Wanted) is(d Device) bool {
	short, _, _ := strings.Cut(d.Name, "@")
	return (w.Name == "" || w.Name == d.Name || w.Name == short) && (w.Label == "" || w.Label == d.Label) && (w.At == "" || w.At == d.At)
}

// Pick finds the one device that is meant. None is an error of class absent, several are one of class wrong; the hints name what
// there is.
func Pick(list []Device, w Wanted) (Device, error) {
	var found []Device
	for _, d := range list {
		if w.is(d) {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		e := &sensors.Error{Class: sensors.Absent, Op: "find device", Err: errors.New("there is none")}
		if len(list) > 0 {
			e.Hint = "there are: " + names(list)
		}
		return Device{}, e
	}
	return Device{}, &sensors.Error{Class: sensors.Wrong, Op: "find device",
		Err: fmt.Errorf("%d devices are called so", len(found)), Hint: "tell them apart by at or label: " + names(found)}
}

// names lists devices with where they are.
func names(list []Device) string {
	var s []string
	for _, d := range list {
		name := cmp.Or(d.Name, filepath.Base(d.Dir))
		if d.Label != "" {
			name += " label " + d.Label
		}
		if d.At != "" {
			name += " at " + d.At
		}
		s = append(s, name)
	}
	return strings.Join(s, ", ")
}

// Tell returns the keys by which Pick finds d among list: its name, and where it is attached if others have that name.
func Tell(list []Device, d Device) (keys [][2]string) {
	if d.Name != "" {
		keys = append(keys, [2]string{"device", d.Name})
	}
	others := slices.ContainsFunc(list, func(o Device) bool { return o.Dir != d.Dir && (Wanted{Name: d.Name}).is(o) })
	switch {
	case !others:
	case d.Label != "":
		keys = append(keys, [2]string{"label", d.Label})
	case d.At != "":
		keys = append(keys, [2]string{"at", d.At})
	}
	return keys
}
