package pulse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// A file is one line, "pinhole total 1 " and the CRC-32C of the rest in eight hex digits, and a JSON object.
const (
	magic   = "pinhole total "
	version = 1
	maxFile = 4096
)

var (
	errDamaged = errors.New("the file is damaged")
	errNewer   = errors.New("the file was written by a newer version of this program")
)

func format(k kept) []byte {
	text, err := json.Marshal(k)
	if err != nil { // only a float that is no number could do that, and the configuration has none
		panic(err)
	}
	text = append(text, '\n')
	return append(fmt.Appendf(nil, "%s%d %08x\n", magic, version, checksum(text)), text...)
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func parse(text []byte) (k kept, err error) {
	head, body, ok := bytes.Cut(text, []byte("\n"))
	rest, isTotal := bytes.CutPrefix(head, []byte(magic))
	number, sum, _ := bytes.Cut(rest, []byte(" "))
	written, err := strconv.ParseUint(string(number), 10, 16)
	switch {
	case !ok || !isTotal || err != nil:
		return kept{}, errDamaged
	case written > version:
		return kept{}, errNewer
	case written < version || string(sum) != fmt.Sprintf("%08x", checksum(body)) || json.Unmarshal(body, &k) != nil:
		return kept{}, errDamaged
	}
	if k.Scale <= 0 || k.Base < 0 || math.IsInf(k.Base+k.Scale*float64(k.Pulses), 0) || k.Pulses > 1<<53 {
		return kept{}, errDamaged
	}
	return k, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1)) // a byte more than there can be fails the checksum
}

// writeFile replaces the file as a whole: once it returns nil, the new content survives a power cut; until then, the old one does.
func writeFile(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := makeFolder(dir); err != nil {
		return err
	}
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	adopt(next)
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return syncFolder(dir)
}

// makeFolder makes a folder with those above it, each known to the disk.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if above == dir {
		return fs.ErrNotExist
	}
	if err := makeFolder(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	adopt(dir)
	return syncFolder(above)
}

// adopt gives what root has made to the owner of the folder in which it lies, so that a run with sudo does not lock the service
// out. Where that cannot be done (a file system without owners) it need not be.
func adopt(path string) {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil || os.Geteuid() != 0 {
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 {
		os.Chown(path, int(owner.Uid), int(owner.Gid))
	}
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
