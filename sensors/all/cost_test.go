package all

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"

	"pinhole/sensors"
	"pinhole/sensors/kind"
	"pinhole/sensors/sim"
)

// cost has TestCost measure long enough for figures, and print them.
var cost = flag.Bool("cost", false, "print what a reading of each I2C kind costs")

// meter is a board that counts what goes over its I2C buses, and the processor time that the simulated parts take for it.
type meter struct {
	*sim.Board
	transfers, bytes int
	parts            time.Duration
}

type meteredBus struct {
	i2c.Bus
	meter *meter
}

func (m *meter) I2C(number string) (i2c.Bus, error) {
	bus, err := m.Board.I2C(number)
	return &meteredBus{bus, m}, err
}

func (b *meteredBus) Tx(addr uint16, w, r []byte) error {
	began := processor()
	err := b.Bus.Tx(addr, w, r)
	b.meter.parts += processor() - began
	b.meter.transfers++
	b.meter.bytes += 1 + len(w) + len(r)
	return err
}

// processor is this process's processor time. Package time stands still in a bubble.
func processor() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// TestCost reads every I2C kind over and over, with its defaults: in the steady state a reading allocates nothing, neither in the
// driver nor on its way. With -cost it prints what one takes.
func TestCost(t *testing.T) {
	rounds := 50
	if *cost {
		rounds = 3000
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kind\ttransfers\tbytes\ttakes\tCPU us, driver\tCPU us, with its simulated part\tallocations")
	kinds := 0
	for _, k := range Kinds() {
		p := kind.WithDefaults(k.Keys, nil)
		if k.Name == "register" || k.Event || !p.Has("bus") || !p.Has("address") {
			continue
		}
		kinds++
		t.Run(k.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &meter{Board: sim.New(sim.Options{World: sim.Still{
					sensors.Temperature: 21.5, sensors.RelativeHumidity: 45, sensors.Pressure: 101325, sensors.CO2: 700, sensors.TVOC: 120,
					sensors.Illuminance: 300, sensors.Voltage: 1.2, sensors.Current: 0.3, sensors.Power: 0.36, sensors.AccelerationZ: 9.81,
					sensors.GasResistance: 50000, sensors.Raw: 30000,
				}})}
				defer m.Close()
				if err := m.Attach(k.Name, p); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				dev, err := k.Open(t.Context(), m, p)
				if err != nil {
					t.Fatal(err)
				}
				sensor := dev.(sensors.Sensor)
				defer sensor.Close()
				ctx := context.Background()
				for warm := 0; ; warm++ { // until it has warmed up
					if _, err := sensor.Sense(ctx); err == nil {
						break
					} else if sensors.ClassOf(err) != sensors.Warmup || warm == 50 {
						t.Fatalf("%v (does this test's world lack a value for it?)", err)
					}
					time.Sleep(time.Minute)
				}
				var before, after runtime.MemStats
				var takes, used time.Duration
				m.transfers, m.bytes, m.parts = 0, 0, 0
				runtime.ReadMemStats(&before)
				for range rounds {
					time.Sleep(10 * time.Second) // a part that measures by itself has a new value then
					began, from := time.Now(), processor()
					if _, err := sensor.Sense(ctx); err != nil {
						t.Fatal(err)
					}
					used += processor() - from
					takes += time.Since(began)
				}
				runtime.ReadMemStats(&after)
				n, allocations := float64(rounds), float64(after.Mallocs-before.Mallocs)/float64(rounds)
				if allocations > 0.5 { // something else may allocate now and then
					t.Errorf("%.1f allocations a reading, want none", allocations)
				}
				us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / n }
				fmt.Fprintf(w, "%s\t%.1f\t%.0f\t%v\t%.1f\t%.1f\t%.1f\n", k.Name, float64(m.transfers)/n, float64(m.bytes)/n,
					(takes / time.Duration(rounds)).Round(100*time.Microsecond), us(used-m.parts), us(used), allocations)
			})
		})
	}
	if kinds < 20 {
		t.Errorf("only %d I2C kinds were found", kinds)
	}
	if w.Flush(); *cost {
		t.Log("\n" + table.String())
	}
}
