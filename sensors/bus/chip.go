package bus

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/kind"
)

// headers are the labels of the chip behind the header: Pi 5, 500 and CM5; Pi 4, 400 and CM4; all others. A board has one of them.
func headers() []string { return []string{"pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835"} }

// Line requests an input line: GPIO17, or LABEL:OFFSET.
func (s *Set) Line(pin string, o kind.LineOptions) (kind.Line, error) {
	l, err := s.request(pin, func(offset uint32) unix.GPIOV2LineRequest { return request(offset, o) })
	if err != nil {
		return nil, err // not l: a nil *line in an interface is not nil
	}
	return l, nil
}

// Output requests an output line.
func (s *Set) Output(pin string, o kind.OutputOptions) (kind.Output, error) {
	l, err := s.request(pin, func(offset uint32) unix.GPIOV2LineRequest { return requestOutput(offset, o) })
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (s *Set) request(pin string, describe func(offset uint32) unix.GPIOV2LineRequest) (*line, error) {
	label, offset, err := kind.ParsePin(pin)
	if err != nil {
		return nil, &sensors.Error{Class: sensors.Absent, Op: "find line", Err: err}
	}
	c, err := s.chip(label)
	if err != nil {
		return nil, err
	}
	defer s.kernel.close(c.fd)
	if offset >= c.info.Lines {
		return nil, &sensors.Error{Class: sensors.Absent, Op: "find line",
			Err: fmt.Errorf("%s has lines 0 to %d, not %d", c.label(), int64(c.info.Lines)-1, offset)}
	}
	req := describe(offset)
	if err := s.kernel.getLine(c.fd, &req); err != nil {
		return nil, s.refused(c, &req, err)
	}
	return newLine(s.kernel, pin, req.Fd)
}

// refused explains why a line was not given out.
func (s *Set) refused(c *chip, r *unix.GPIOV2LineRequest, err error) error {
	offset := r.Offsets[0]
	e := &sensors.Error{Class: sensors.ClassOf(err), Op: fmt.Sprintf("%s line %d", c.label(), offset), Err: err}
	switch {
	case errors.Is(err, syscall.EBUSY):
		info := unix.GPIOV2LineInfo{Offset: offset}
		if s.kernel.lineInfo(c.fd, &info) == nil {
			e.Err = fmt.Errorf("the line is held by %q: %w", text(info.Consumer[:]), err)
		}
		e.Hint = "another program or a driver of the kernel uses it: choose another line, or see gpioinfo and config.txt"
	case r.Event_buffer_size > 0 && (errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV)):
		e.Class, e.Err = sensors.IO, fmt.Errorf("this chip reports no edges: %w", err)
		e.Hint = "kind gpio can look at the level instead: set its key `poll`; the other kinds need a line with interrupts"
	case errors.Is(err, syscall.ENOTTY), errors.Is(err, syscall.EINVAL):
		e.Hint = "Linux 5.10 or later is needed; not every chip has pulls and edges"
	}
	return e
}

// chip is an opened GPIO chip.
type chip struct {
	fd   int
	path string
	info unix.GPIOChipInfo
}

func (c *chip) label() string { return text(c.info.Label[:]) }

// chip finds a chip by its label; "" is the one behind the header. It is open and the caller closes it.
func (s *Set) chip(label string) (*chip, error) {
	want := headers()
	if label != "" {
		want = []string{label}
	}
	var found *chip
	var labels []string
	var refused error
	fail := func(class sensors.Class, hint string, err error) error {
		if found != nil {
			s.kernel.close(found.fd)
		}
		return &sensors.Error{Class: class, Op: "find GPIO chip " + strings.Join(want, " or "), Err: err, Hint: hint}
	}
	for _, path := range s.chipPaths() {
		fd, err := s.kernel.open(path)
		if err != nil {
			refused = err
			continue
		}
		c := &chip{fd: fd, path: path}
		if err := s.kernel.chipInfo(fd, &c.info); err != nil {
			s.kernel.close(fd)
			refused = fmt.Errorf("%s: %w", path, err)
			continue
		}
		labels = append(labels, c.label())
		same := found != nil && found.info.Name == c.info.Name // the same chip by another name
		if !slices.Contains(want, c.label()) || same {
			s.kernel.close(fd)
			continue
		}
		if found != nil {
			s.kernel.close(fd)
			return nil, fail(sensors.Wrong, "", fmt.Errorf("%s and %s have the same label", found.path, path))
		}
		found = c
	}
	switch {
	case found != nil:
		return found, nil
	case refused != nil && errors.Is(refused, fs.ErrPermission):
		return nil, fail(sensors.Denied, "add the user to group gpio", refused)
	case refused != nil:
		return nil, fail(sensors.ClassOf(refused), "", refused)
	case len(labels) == 0:
		return nil, fail(sensors.Absent, "is this a Raspberry Pi? Then its kernel lacks /dev/gpiochip*", fs.ErrNotExist)
	}
	return nil, fail(sensors.Absent, "chips that are there: "+strings.Join(labels, ", "), errors.New("no chip has this label"))
}

// chipPaths lists the chips in the order of their numbers. Raspberry Pi OS has links to chips under their old numbers.
func (s *Set) chipPaths() []string {
	paths, _ := filepath.Glob(filepath.Join(s.root, "dev/gpiochip*"))
	paths = slices.DeleteFunc(paths, func(p string) bool {
		info, err := os.Lstat(p)
		return err != nil || info.Mode()&os.ModeSymlink != 0
	})
	number := func(p string) int {
		n, _ := strconv.Atoi(strings.TrimPrefix(filepath.Base(p), "gpiochip"))
		return n
	}
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	return paths
}

// text is a string that ends at the first zero byte.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}
