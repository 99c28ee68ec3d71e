package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"pinhole/cmd/pinhole/internal/config"
	"pinhole/sensors/kind"
)

// checkBus checks whether the devices that the sensors are attached to are there and may be used. No part is talked to: `pinhole
// read` does that.
func (d *doctor) checkBus(context.Context) []Check {
	if d.c.Board == config.Sim {
		return []Check{skip("the board is simulated")}
	}
	users := map[string][]string{} // device: sensors
	var order []string
	for _, s := range d.c.Sensors {
		for _, dev := range devices(s) {
			if users[dev] == nil {
				order = append(order, dev)
			}
			users[dev] = append(users[dev], s.Name)
		}
	}
	if len(order) == 0 {
		return []Check{ok("no sensor needs a bus, a serial port or a GPIO line")}
	}
	var lines []Check
	for _, dev := range order {
		if c := d.checkDevice(dev, strings.Join(users[dev], ", ")); c.Verdict != OK {
			lines = append(lines, c)
		}
	}
	if lines == nil {
		evidence := "can be used: /" + strings.Join(order, ", /")
		if os.Geteuid() == 0 {
			evidence += " (as root; the agent's user needs the groups i2c, spi, gpio and dialout)"
		}
		lines = append(lines, ok(evidence))
	}
	return lines
}

// devices lists what a sensor needs: an I2C bus, a 1-Wire bus, an SPI device, a serial port, or a GPIO chip, which one is known to
// its driver alone.
func devices(s config.Sensor) (list []string) {
	if s.Kind.Bus != nil {
		if n, found := strings.CutPrefix(s.Kind.Bus(s.Params), "i2c-"); found {
			list = append(list, "dev/i2c-"+n)
		} else if n, found := strings.CutPrefix(s.Kind.Bus(s.Params), "w1-"); found {
			list = append(list, "sys/bus/w1/devices/w1_bus_master"+n)
		} else if strings.HasPrefix(s.Kind.Bus(s.Params), "spi-") {
			list = append(list, "dev/spidev"+s.Params.String("device"))
		} else if n, found := strings.CutPrefix(s.Kind.Bus(s.Params), "uart:/"); found {
			list = append(list, n)
		}
	}
	if slices.ContainsFunc(s.Kind.Keys, func(k kind.Key) bool { return k.Type == kind.Pin && s.Params.Has(k.Name) }) {
		list = append(list, "dev/gpiochip*")
	}
	return list
}

// checkDevice opens a device. Of several that a pattern matches, one that can be opened is enough.
func (d *doctor) checkDevice(pattern, sensors string) Check {
	name, group := "/"+pattern, "gpio"
	switch {
	case strings.HasPrefix(pattern, "dev/i2c-"):
		group = "i2c"
	case strings.HasPrefix(pattern, "dev/spidev"):
		group = "spi"
	case strings.HasPrefix(pattern, "dev/") && !strings.HasPrefix(pattern, "dev/gpiochip"):
		group = "dialout"
	}
	paths := []string{filepath.Join(d.o.Root, pattern)}
	if strings.Contains(pattern, "*") {
		paths, _ = filepath.Glob(paths[0]) // the pattern is well-formed
	}
	err := error(&fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist})
	var path string
	for _, path = range paths {
		if err = d.o.open(path); err == nil || group == "dialout" && errors.Is(err, syscall.EBUSY) { // the agent has it, as a rule
			return ok(name)
		}
	}
	needs := fmt.Sprintf("%s (for %s)", name, sensors)
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(pattern, "sys/"):
		return fail(needs+" does not exist", you,
			"switch 1-Wire on: dtoverlay=w1-gpio in /boot/firmware/config.txt, then restart the board")
	case errors.Is(err, fs.ErrNotExist) && name == "/dev/i2c-1":
		return fail(needs+" does not exist", you,
			"switch I2C on: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in config.txt, "+
				"then sudo modprobe i2c-dev; the board then needs a restart")
	case errors.Is(err, fs.ErrNotExist) && group == "i2c":
		return fail(needs+" does not exist", you, "`ls /dev/i2c-*` shows the buses that there are; the one on the header is 1")
	case errors.Is(err, fs.ErrNotExist) && group == "spi":
		return fail(needs+" does not exist", you,
			"switch SPI on: sudo raspi-config nonint do_spi 0, or dtparam=spi=on in config.txt, then restart the board")
	case errors.Is(err, fs.ErrNotExist) && group == "dialout":
		return fail(needs+" does not exist", you,
			"on the header: sudo raspi-config nonint do_serial_hw 0 and do_serial_cons 1, then restart the board; "+
				"of a USB adapter: `ls -l /dev/serial/by-id` shows those that are plugged in")
	case errors.Is(err, fs.ErrNotExist):
		return fail(needs+" does not exist", you,
			"is this a Raspberry Pi? Its kernel has /dev/gpiochip0; `board: sim` needs no hardware")
	case errors.Is(err, fs.ErrPermission):
		who, groups := whoAmI()
		text := fmt.Sprintf("%s may not be opened by %s, who is in the groups %s", needs, who, strings.Join(groups, " "))
		if owner := groupOf(path); owner != "" {
			group = owner
		}
		if slices.Contains(groups, group) {
			return fail(text, you, "the group has no right to it: sudo chmod g+rw "+name)
		}
		return fail(text, you,
			fmt.Sprintf("sudo usermod -aG %s %s, then log in again; for the service: SupplementaryGroups=%s", group, who, group))
	}
	return fail(fmt.Sprintf("%s cannot be opened: %v", needs, cause(err)), you, "see the kernel's messages: dmesg")
}

// openDevice opens a device as its driver does; of a folder it is enough that it is there.
func openDevice(path string) error {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// whoAmI names the user of this process and its groups.
func whoAmI() (name string, groups []string) {
	name = "user " + strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil {
		name = u.Username
	}
	ids, _ := os.Getgroups() // what is missing only makes the line shorter
	for _, id := range append(ids, os.Getegid()) {
		g := strconv.Itoa(id)
		if x, err := user.LookupGroupId(g); err == nil {
			g = x.Name
		}
		if !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return name, groups
}

// noGroup is what the kernel shows for a group that a namespace of users does not know, as in a container; see user_namespaces(7).
const noGroup = 65534

// groupOf names the group of a file, "" if that is root's or unknown.
func groupOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	st, found := info.Sys().(*syscall.Stat_t)
	if !found || st.Gid == 0 || st.Gid == noGroup {
		return ""
	}
	g, err := user.LookupGroupId(strconv.Itoa(int(st.Gid)))
	if err != nil {
		return ""
	}
	return g.Name
}

// cause drops the operation and the path that a PathError repeats.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
