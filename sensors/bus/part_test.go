package bus_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pinhole/sensors"
	"pinhole/sensors/bus"
	"pinhole/sensors/kind"
	"pinhole/sensors/mhz19"
)

// part is a pair of terminals with an MH-Z19 at the far end. answer makes what is sent for a command.
func part(t *testing.T, answer func(command []byte) [][]byte) (port string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		master.Close()
		<-done
	})
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		var n int
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
		port = fmt.Sprintf("/dev/pts/%d", n)
	})
	if err != nil {
		t.Fatal(err)
	}
	hold, err := os.OpenFile(port, os.O_RDWR|unix.O_NOCTTY, 0) // without a far end the terminal hangs up
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hold.Close() })
	go func() {
		defer close(done)
		command := make([]byte, 9)
		for {
			if _, err := io.ReadFull(master, command); err != nil {
				return
			}
			for _, piece := range answer(command) {
				if _, err := master.Write(piece); err != nil {
					return
				}
			}
		}
	}()
	return port
}

// TestPartAtPort has a driver measure through a terminal of the kernel: an answer in pieces, garbage before it, a wrong bit, silence.
func TestPartAtPort(t *testing.T) {
	good := []byte{0xFF, 0x86, 0x02, 0x60, 0x47, 0, 0, 0, 0xD1}
	wrong := []byte{0xFF, 0x86, 0x02, 0x61, 0x47, 0, 0, 0, 0xD1}
	mood := make(chan [][]byte, 1)
	say := [][]byte{good}
	port := part(t, func([]byte) [][]byte {
		select {
		case say = <-mood:
		default:
		}
		return say
	})
	k := mhz19.Kind()
	set := bus.New("/", "")
	defer set.Close()
	dev, err := k.Open(t.Context(), set, kind.WithDefaults(k.Keys, kind.Params{"port": port, "warmup": time.Duration(0)}))
	if err != nil {
		t.Fatal(err)
	}
	d := dev.(sensors.Sensor)
	for _, tt := range []struct {
		name  string
		say   [][]byte
		class sensors.Class
	}{
		{"whole", [][]byte{good}, ""},
		{"in pieces", [][]byte{good[:1], good[1:4], good[4:]}, ""},
		{"garbage before", [][]byte{{0x00, 0xFF, 0x13, 0x11}, good}, ""},
		{"a wrong one before", [][]byte{wrong, good}, ""},
		{"a wrong bit", [][]byte{wrong}, sensors.CRC},
		{"half of it", [][]byte{good[:5]}, sensors.IO},
		{"silence", nil, sensors.Timeout},
		{"two of them", [][]byte{good, wrong}, ""},
		{"again", [][]byte{good}, ""},
	} {
		mood <- tt.say
		list, err := d.Sense(t.Context())
		if sensors.ClassOf(err) != tt.class || err == nil && (len(list) != 1 || list[0].Value != 608) {
			t.Errorf("%s: %v, %v, want class %q", tt.name, list, err, tt.class)
		}
		if tt.class == sensors.Timeout && !strings.Contains(err.Error(), "read concentration: nothing came for 500ms") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Error(err)
	}
}
