package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"pinhole/cmd/pinhole/internal/cli"
)

// version and commit are set by the linker (-X main.version=... -X main.commit=...) and never by the program.
var version, commit string

// built is when, RFC 3339; no clock that is behind it is believed.
var built string

// build says which program this is.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// thisBuild describes the running program: by what the linker was told, or else by what go build found in the repository.
func thisBuild() build {
	b := build{Version: version, Commit: commit, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok && b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	if ok && b.Commit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value[:min(len(s.Value), 12)]
			}
		}
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	if b.Commit == "" {
		b.Commit = "unknown"
	}
	return b
}

func versionCommand() command {
	return command{
		name:    "version",
		summary: "version, commit, Go version and platform",
		group:   groupAbout,
		setup: func(f *flags) runner {
			asJSON := f.json(`print {"version", "commit", "go", "os", "arch"}`)
			return func(_ context.Context, e *env, _ []string) cli.Code {
				b := thisBuild()
				if *asJSON {
					e.printJSON(b)
				} else {
					e.printf("pinhole %s, commit %s, %s, %s/%s\n", b.Version, b.Commit, b.Go, b.OS, b.Arch)
				}
				return cli.Done
			}
		},
	}
}
