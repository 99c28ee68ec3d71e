package scan

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"pinhole/sensors/all"
	"pinhole/sensors/kind"
)

// TestKernelsParts: what a driver of the kernel has is named and left alone, and a bus that is a channel of the kernel's multiplexer
// does not show again what is in front of that.
func TestKernelsParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.root, d.buses = t.TempDir(), []int{1, 11}
		link := func(from, to string) {
			path := filepath.Join(d.root, "sys/bus/i2c/devices", from)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(to, path)); err != nil {
				t.Fatal(err)
			}
		}
		link("1-0076/driver", "../../drivers/bmp280")
		link("1-0070/driver", "../../drivers/pca954x")
		link("i2c-11/mux_device", "../1-0070")
		taken := &witness{value: 0x58}
		d.Plug("1", 0x76, "witness", taken)
		d.attach(t, "tmp117", "address", 0x48)
		d.attach(t, "tmp117", "address", 0x48, "bus", 11) // in front of the multiplexer, so on its channels as well
		d.attach(t, "tmp117", "address", 0x49, "bus", 11)
		time.Sleep(time.Second)
		r := d.scan(t)
		if p := r.part("i2c-1/0x76"); p == nil || p.Driver != "bmp280" || p.Kind != "" || len(taken.seen) > 0 {
			t.Errorf("%+v, which was sent %v", p, taken.seen)
		}
		if p := r.part("i2c-1/0x70"); p == nil || p.Driver != "pca954x" {
			t.Errorf("%+v", p)
		}
		want := []string{"i2c-1/0x48", "i2c-1/0x70", "i2c-1/0x76", "i2c-11/0x49"}
		if got := r.places(); !slices.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
		}
	})
}

// kernelMux is a board on which the kernel switches a multiplexer of bus 1: buses 11 and 12 are its channels, and the one that was used
// last stays connected.
type kernelMux struct {
	*desk
	connected string
}

// view is a bus of it.
type view struct {
	i2c.Bus
	board *kernelMux
	name  string
}

func (b *kernelMux) I2C(name string) (i2c.Bus, error) {
	bus, err := b.desk.I2C(name)
	return &view{bus, b, name}, err
}

func (v *view) Tx(addr uint16, w, r []byte) error {
	if v.name == "11" || v.name == "12" {
		v.board.connected = v.name
	}
	trunk, _ := v.board.desk.I2C("1")
	if err := trunk.Tx(addr, w, r); !kind.Quiet(err) || v.board.connected == "" {
		return err
	}
	behind, _ := v.board.desk.I2C(v.board.connected)
	return behind.Tx(addr, w, r)
}

// TestKernelsChannelLeftConnected: what is behind the kernel's multiplexer is found there and not in front of it, whichever channel was used
// last; what is in front of it is found there and not behind it.
func TestKernelsChannelLeftConnected(t *testing.T) {
	for _, left := range []string{"", "11", "12"} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			d.root, d.buses = t.TempDir(), []int{1, 11, 12}
			for from, to := range map[string]string{"1-0070/driver": "../../drivers/pca954x", "i2c-11/mux_device": "../1-0070", "i2c-12/mux_device": "../1-0070"} {
				path := filepath.Join(d.root, "sys/bus/i2c/devices", from)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(to, path)); err != nil {
					t.Fatal(err)
				}
			}
			d.attach(t, "tmp117", "address", 0x48)
			d.attach(t, "sht4x", "address", 0x45)
			d.attach(t, "tmp117", "address", 0x49, "bus", 11)
			d.attach(t, "sht4x", "bus", 11)
			d.attach(t, "veml7700", "bus", 12)
			time.Sleep(time.Second)
			b := &kernelMux{d, left}
			r, err := Run(t.Context(), Options{Kinds: all.Kinds(), Board: b, Survey: d})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"i2c-1/0x45", "i2c-1/0x48", "i2c-1/0x70", "i2c-11/0x44", "i2c-11/0x49", "i2c-12/0x10"}
			if got := r.places(); !slices.Equal(got, want) {
				t.Errorf("channel %q left connected: found %v, want %v", left, got, want)
			}
		})
	}
}
