package kind

import "maps"

// WithDefaults returns given with the defaults of keys filled in, into maps that are present or have defaults inside too. It
// does not check anything.
func WithDefaults(keys []Key, given Params) Params {
	p := maps.Clone(given)
	if p == nil {
		p = Params{}
	}
	for _, k := range keys {
		if k.Type == Map {
			if m := WithDefaults(k.Keys, p.Map(k.Name)); len(m) > 0 {
				p[k.Name] = m
			}
			continue
		}
		if _, ok := p[k.Name]; !ok && k.Default != nil {
			p[k.Name] = k.Default
		}
	}
	return p
}
