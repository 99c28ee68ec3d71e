package chips

import (
	"embed"
	"fmt"
	"path"
	"strings"
	"sync"

	"pinhole/sensors/kind"
)

//go:embed *.yaml
var files embed.FS

// Shipped is a definition that comes with the program. Its kind's name is its file's.
type Shipped struct {
	Kind      string
	File      *File
	Constants []Constant
	Addresses []int64
}

// All returns the definitions that come with the program, sorted by kind. The slice and what it holds are shared: do not change it.
func All() []Shipped { return all() }

// all reads the files once, at the first use: they are constants, and on an old board reading them takes tens of milliseconds.
var all = sync.OnceValue(func() []Shipped {
	list, err := read(files)
	if err != nil {
		panic(err) // of what was compiled in, so the tests of this package meet it first
	}
	return list
})

func read(files embed.FS) ([]Shipped, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("definitions of chips: %w", err)
	}
	var all []Shipped
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, fmt.Errorf("definitions of chips: %w", err)
		}
		f, problems := Parse(e.Name(), data, append(Keys(), aboutKeys()))
		if problems != nil {
			return nil, fmt.Errorf("definitions of chips: %s (%s)", problems[0].Message, problems[0].Hint)
		}
		s := Shipped{Kind: strings.TrimSuffix(e.Name(), path.Ext(e.Name())), File: f, Constants: Constants(f.Params)}
		for _, a := range f.Params.List("addresses") {
			s.Addresses = append(s.Addresses, a.(int64))
		}
		if len(s.Addresses) == 0 {
			return nil, fmt.Errorf("definitions of chips: %s: addresses are missing", e.Name())
		}
		all = append(all, s)
	}
	return all, nil
}

// Given returns the constants among a shipped kind's keys as Build takes them.
func (s Shipped) Given(p kind.Params) map[string]string {
	given := map[string]string{}
	for _, c := range s.Constants {
		if p.Has(c.Name) {
			given[c.Name] = fmt.Sprint(p[c.Name])
		}
	}
	return given
}
