module crosscheck

go 1.26.0

require (
	periph.io/x/conn/v3 v3.7.3
	pinhole v0.0.0
	tinygo.org/x/drivers v0.37.0
)

require (
	github.com/google/shlex v0.0.0-20191202100458-e7afc7fbc510 // indirect
	go.yaml.in/yaml/v4 v4.0.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace pinhole => ../..
