package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pinhole/cmd/pinhole/internal/scan"
	"pinhole/sensors/all"
	"pinhole/sensors/kind"
)

// said is what a command line gives.
type said struct {
	out, err string
	code     int
}

func say(t *testing.T, stdin string, args ...string) said {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return said{out.String(), errs.String(), code}
}

// TestScannedConfigurationWorks: on the simulated board, what scan --yaml prints passes check, and every sensor in it can be read.
func TestScannedConfigurationWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := say(t, "", "scan", "--yaml", "--board", "sim")
		if found.code != 0 || found.err != "" {
			t.Fatalf("scan: %d\n%s", found.code, found.err)
		}
		if c := say(t, found.out, "check", "-c", "-"); c.code != 0 || c.err != "" {
			t.Fatalf("check: %d\n%s%s\n%s", c.code, c.out, c.err, found.out)
		}
		read := say(t, found.out, "read", "-c", "-")
		if read.code != 0 || strings.Contains(read.out, "error") {
			t.Errorf("read: %d\n%s%s", read.code, read.out, read.err)
		}
		for _, m := range regexp.MustCompile(`(?m)^  - \{name: ([^,]+),`).FindAllStringSubmatch(found.out, -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `\s`).MatchString(read.out) {
				t.Errorf("%s is not among what was read:\n%s", m[1], read.out)
			}
		}
	})
}

// TestScanFindsWhatIsConfigured: with a configuration the simulated board has its parts, and scan tells their names.
func TestScanFindsWhatIsConfigured(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pinhole.yaml")
	text := "board: sim\npublisher: {broker: h}\nsensors:\n  - {name: air, kind: sht4x, mux: 0x71, channel: 6}\n  - {name: pulse, kind: mock}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := say(t, "", "scan", "-c", file, "--json")
		var r scan.Result
		if err := json.Unmarshal([]byte(s.out), &r); err != nil || s.code != 0 {
			t.Fatalf("%d, %v: %s%s", s.code, err, s.out, s.err)
		}
		if len(r.Buses) != 1 || len(r.Buses[0].Parts) != 2 {
			t.Fatalf("%s", s.out)
		}
		if p := r.Buses[0].Parts[1]; p.At != "i2c-1/0x71.6/0x44" || p.Kind != "sht4x" || p.Sensor != "air" || p.Sure != "checksum" {
			t.Errorf("%+v", p)
		}
		if s := say(t, "", "scan", "-c", file); !strings.Contains(s.out, "0x71.6/0x44  sht4x") || !strings.Contains(s.out, "(configured as air)") {
			t.Errorf("%s", s.out)
		}
	})
}

// TestScanFindsFaults: a bus that is stuck gives exit code 4, and what is on another one is found all the same.
func TestScanFindsFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pinhole.yaml")
	text := "board: sim\npublisher: {broker: h}\nsensors:\n  - {name: a, kind: sht4x}\n  - {name: b, kind: tmp117, bus: 3}\n" +
		"sim: {faults: [{bus: 1, kind: stuck}]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := say(t, "", "scan", "-c", file)
		if s.code != 4 || !strings.Contains(s.out, "FAIL  i2c-1: ") || !strings.Contains(s.out, "0x48  tmp117") || strings.Contains(s.out, "sht4x") {
			t.Errorf("%d\n%s%s", s.code, s.out, s.err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		if s := say(t, "", "scan", "--yaml", "-c", file); s.code != 4 || !strings.Contains(s.err, "FAIL  i2c-1: ") || !strings.Contains(s.out, "kind: tmp117") {
			t.Errorf("%d\n%s%s", s.code, s.out, s.err)
		}
	})
}

func TestScanUsage(t *testing.T) {
	if s := say(t, "", "scan", "--yaml", "--json"); s.code != 2 {
		t.Errorf("--yaml and --json: %d", s.code)
	}
	if s := say(t, "", "scan", "-c", filepath.Join(t.TempDir(), "none.yaml")); s.code != 3 {
		t.Errorf("a configuration that was named and is not there: %d, %s", s.code, s.err)
	}
	if s := say(t, "sensors: [", "scan", "-c", "-"); s.code != 3 {
		t.Errorf("a broken configuration: %d", s.code)
	}
}

// TestRepresentativeKindsExist: what the simulated board has attached for scan is of kinds that there are.
func TestRepresentativeKindsExist(t *testing.T) {
	for _, s := range representative(all.Kinds()) {
		if problems := s.Kind.Problems(s.Params); problems != nil {
			t.Errorf("%s: %v", s.Kind.Name, problems)
		}
	}
	if n := len(representative(all.Kinds())); n < 8 {
		t.Errorf("%d parts", n)
	}
	if n := len(representative([]kind.Kind{})); n != 0 {
		t.Errorf("%d parts of no kind", n)
	}
}
