package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pinhole/publisher/route"
)

// checkRoutes goes the further ways, each to its end, and says in one line how far that was. They are for the case that the first
// one fails, so what breaks on them is a warning.
func (d *doctor) checkRoutes(ctx context.Context) (lines []Check) {
	d.hangUp()
	for _, b := range d.p.Routes {
		if !pause(ctx, time.Until(d.login.last.Add(1200*time.Millisecond))) {
			return append(lines, skip(fmt.Sprintf("further way %s: there was no time left for it", b)))
		}
		lines = append(lines, d.further(ctx, b))
	}
	return lines
}

// further walks one further way.
func (d *doctor) further(ctx context.Context, b route.Broker) Check {
	o, c := d.o, *d.c
	c.Publisher.Broker, c.Publisher.AWS, c.Publisher.Routes = b, b.AWS(), nil
	o.Config = &c
	x := newDoctor(o)
	defer x.hangUp()
	x.agent, x.trusted = d.agent, d.trusted
	x.failed[route.StageClock] = d.failed[route.StageClock]
	var last Check
	stages := x.stages()
	from := slices.IndexFunc(stages, func(s stage) bool { return s.name == route.StageKey })
	for _, s := range stages[from:] {
		for _, c := range x.note(s.name, s.run(ctx)) {
			if c.Verdict == Fail {
				c.Verdict = Warn
				c.Evidence = oneLine(fmt.Sprintf("further way %s: %s", b, c.Evidence))
				d.login.last = x.login.last
				return c
			}
			if c.Verdict != Skip {
				last = c
			}
		}
	}
	d.login.last = x.login.last
	if last.Evidence == "" {
		last = skip("nothing to look at")
	}
	last.Evidence = oneLine(fmt.Sprintf("further way %s: %s", b, last.Evidence))
	return last
}
