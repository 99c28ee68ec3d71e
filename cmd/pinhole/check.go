package main

import (
	"context"
	"fmt"

	"pinhole/cmd/pinhole/internal/cli"
	"pinhole/cmd/pinhole/internal/config"
)

func checkCommand() command {
	return command{
		name:    "check",
		summary: "check the configuration, touching neither bus nor network",
		detail: "All mistakes are printed at once, each as FILE:LINE:COL: key: what is wrong; what to do. Certificates, keys and\n" +
			"password files are looked at too. Warnings go to the standard error and do not count as mistakes.",
		group: groupSetUp,
		setup: func(f *flags) runner {
			from := f.config()
			asJSON := f.json(`print {"ok", "problems": [...], "warnings": [...]}`)
			return func(_ context.Context, e *env, _ []string) cli.Code { return check(e, from, *asJSON) }
		},
	}
}

func check(e *env, from *source, asJSON bool) cli.Code {
	c, problems := e.load(from)
	switch {
	case asJSON:
		result := struct {
			OK       bool             `json:"ok"`
			Problems []config.Problem `json:"problems"`
			Warnings []config.Problem `json:"warnings"`
		}{c != nil, append([]config.Problem{}, problems...), []config.Problem{}}
		if c != nil {
			result.Warnings = append(result.Warnings, c.Warnings...)
		}
		e.printJSON(result)
	case c != nil:
		e.warn(c)
		e.printf("ok: %s, publishing to %v as %s\n", count(len(c.Sensors), "sensor"), c.Publisher.Broker, c.Publisher.Topic)
	default:
		for _, p := range problems {
			e.printf("%v\n", p)
		}
	}
	if c == nil {
		return cli.Invalid
	}
	return cli.Done
}

// count writes a number of things: "1 sensor", "2 sensors".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
