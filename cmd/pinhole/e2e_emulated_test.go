package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"pinhole/publisher/publishertest"
)

// maxBinary is how large the stripped program for ARMv6 may be, in bytes.
const maxBinary = 12 << 20

// TestE2EARM: the programs for every Raspberry Pi run, on emulated processors: the first one's, a generic 32-bit one, a 64-bit one.
func TestE2EARM(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program twice more")
	}
	for name, c := range map[string]struct {
		to       target
		emulator []string
	}{
		"armv6 on arm1176": {target{arch: "arm", arm: "6"}, []string{"qemu-arm-static", "-cpu", "arm1176"}},
		"armv6":            {target{arch: "arm", arm: "6"}, []string{"qemu-arm-static"}},
		"armv7":            {target{arch: "arm", arm: "7"}, []string{"qemu-arm-static", "-cpu", "cortex-a7"}},
		"arm64":            {target{arch: "arm64"}, []string{"qemu-aarch64-static", "-cpu", "cortex-a53"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			emulator := append([]string{publishertest.Program(t, c.emulator[0])}, c.emulator[1:]...)
			binary := program(t, c.to)
			info, err := os.Stat(binary)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes", info.Size())
			if info.Size() > maxBinary {
				t.Errorf("the program has %d bytes, want %d at most", info.Size(), maxBinary)
			}
			d := newDesk(t)
			config := d.configure(settings{sensors: strings.NewReplacer("20ms", "200ms", "50ms", "100ms").Replace(mixed)})
			do := func(args ...string) string {
				t.Helper()
				out, errs, code := output(t, "", append(append(append([]string{}, emulator...), binary), args...)...)
				if code != 0 {
					t.Errorf("%v: code %d\n%s%s", args, code, out, errs)
				}
				return out
			}
			var v struct{ OS, Arch string }
			if out := do("version", "--json"); json.Unmarshal([]byte(out), &v) != nil || v.OS != "linux" || !strings.HasPrefix(v.Arch, c.to.arch) {
				t.Errorf("version: %s", out)
			}
			if out := do("check", "-c", config); !strings.HasPrefix(out, "ok") {
				t.Errorf("check: %s", out)
			}
			if out := do("read", "--board", "sim", "--json", "-c", config, "air"); strings.Count(out, `"value":`) != 3 {
				t.Errorf("read: %s", out)
			}
			d.live = start(t, nil, emulator[0], append(append([]string{}, emulator[1:]...), binary, "run", "-c", config)...)
			d.arrived(60*time.Second, 100)
			d.lab.Cut()
			d.arrived(60*time.Second, 100)
			d.finish()
			d.books.check(t)
		})
	}
}
