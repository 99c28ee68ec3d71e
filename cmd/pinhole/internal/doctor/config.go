package doctor

import (
	"context"
	"fmt"
)

// checkConfig tells which configuration is examined. One that is invalid has no walk.
func (d *doctor) checkConfig(context.Context) []Check {
	evidence := fmt.Sprintf("%s: device %s, %s, broker %s", d.c.File, d.c.Device, plural(len(d.c.Sensors), "sensor"), d.p.Broker)
	if n := len(d.c.Warnings); n > 0 {
		w := d.c.Warnings[0]
		text := fmt.Sprintf("%s; line %d, %s: %s", evidence, w.Line, w.Key, w.Message)
		if n > 1 {
			text += fmt.Sprintf(" (and %s, see `pinhole check`)", plural(n-1, "more warning"))
		}
		return []Check{warn(text, you, w.Hint)}
	}
	return []Check{ok(evidence)}
}
