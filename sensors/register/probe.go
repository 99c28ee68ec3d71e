package register

import (
	"context"
	"fmt"
	"strings"

	"pinhole/sensors/kind"
	"pinhole/sensors/register/chips"
)

// probe recognises the part of a definition: by identify, or without that by an answer that has a checksum and need not be asked for.
func probe(s chips.Shipped) kind.Probe {
	c, _ := s.File.Build(nil)
	switch {
	case c == nil: // a constant without a default
		return kind.Probe{}
	case len(c.Identify) > 0:
		p := kind.Probe{Ask: func(ctx context.Context, p *kind.Part) (kind.Answer, string, error) { return named(ctx, p, c) }}
		for i := range c.Identify {
			p.Mute = p.Mute || c.Identify[i].At.Bytes > 1
			p.Reads = c.Identify[i].At.Bytes == 0
		}
		return p
	case len(c.Rounds[0].Start) == 0 && c.Rounds[0].Reads[0].CRC != nil && c.Rounds[0].Reads[0].At.Bytes < 2:
		return kind.Probe{Ask: func(ctx context.Context, p *kind.Part) (kind.Answer, string, error) { return summed(ctx, p, c) },
			Reads: c.Rounds[0].Reads[0].At.Bytes == 0}
	}
	return kind.Probe{}
}

// named compares the registers that identify a part.
func named(ctx context.Context, p *kind.Part, c *chips.Chip) (kind.Answer, string, error) {
	var seen []string
	for i := range c.Identify {
		e := &c.Identify[i]
		o := look(e, expect, "identify by")
		if err := p.Tx(ctx, o.step, o.w, o.r); err != nil {
			return kind.No, "", err
		}
		got := extract(o.r, 0, 8*len(o.r))
		if got&o.mask != o.want {
			return kind.No, "", nil
		}
		seen = append(seen, fmt.Sprintf("0x%0*x in %s", 2*len(o.r), got, title(e.At)))
	}
	return kind.Named, "id " + strings.Join(seen, ", "), nil
}

// summed reads the first answer and believes its checksum, unless it is one that a silent bus would give as well.
func summed(ctx context.Context, p *kind.Part, c *chips.Chip) (kind.Answer, string, error) {
	o := answer(&c.Rounds[0].Reads[0], byte(p.Address()))
	if err := p.Tx(ctx, o.step, o.w, o.r); err != nil {
		return kind.No, "", err
	}
	if all(o.r, o.r[0]) {
		return kind.No, "", nil
	}
	if _, _, _, ok := strip(o.read.CRC, o.pec, o.r, o.read.Bytes); !ok {
		return kind.No, "", nil
	}
	return kind.Speaks, title(o.read.At) + " with the right checksum", nil
}
