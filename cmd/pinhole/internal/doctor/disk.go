package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// storage is what a folder's file system says.
type storage struct {
	free, total int64 // bytes for ordinary users
	err         error // of writing a file of one page to disk, if that was tried
}

// checkDisk checks whether the queue's folder can be written and how much more it may hold. A missing folder is left to the agent:
// made by another user it would be in its way.
func (d *doctor) checkDisk(context.Context) []Check {
	dir := d.p.Queue.Dir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Check{d.checkParent(dir)}
	case err != nil:
		return []Check{fail(fmt.Sprintf("%s: %v", dir, cause(err)), you,
			"run this as the agent's user, or set publisher.queue.dir")}
	case !info.IsDir():
		return []Check{fail(dir+" is not a folder", you, "remove it, or set publisher.queue.dir to a folder")}
	}
	s := d.o.disk(dir)
	space := fmt.Sprintf("%s: %s of %s free", dir, size(s.free), size(s.total))
	const bigger = "without room readings are kept in memory only: remove files, or use a larger card"
	switch {
	case errors.Is(s.err, syscall.ENOSPC), errors.Is(s.err, syscall.EDQUOT), s.err == nil && s.free == 0 && s.total > 0:
		return []Check{fail(space+"; the disk is full", you, bigger)}
	case errors.Is(s.err, syscall.EROFS):
		return []Check{fail(space+", but it is read-only", you,
			"a card that turned read-only is worn out or was damaged by a power cut: see dmesg, "+
				"check and replace it; or point publisher.queue.dir to a folder that can be written")}
	case errors.Is(s.err, fs.ErrPermission):
		who, _ := whoAmI()
		return []Check{fail(fmt.Sprintf("%s may not be written by %s", dir, who), you,
			"run this as the agent's user; or sudo chown "+who+" "+dir)}
	case s.err != nil:
		return []Check{fail(fmt.Sprintf("%s; writing fails: %v", space, cause(s.err)), you,
			"the card may be worn out: see dmesg, and replace it")}
	}
	if missing := d.p.Queue.Max - used(filepath.Join(dir, "queue")) - s.free; missing > 0 {
		return []Check{warn(fmt.Sprintf("%s; the queue may grow to %s, and there is no room for %s of that", space, size(d.p.Queue.Max), size(missing)),
			you, "make room, or set publisher.queue.max lower")}
	}
	return []Check{ok(space + ", and it can be written")}
}

// checkParent checks whether the agent could make its folder.
func (d *doctor) checkParent(dir string) Check {
	parent := filepath.Dir(dir)
	for parent != filepath.Dir(parent) {
		if _, err := os.Stat(parent); err == nil {
			break
		}
		parent = filepath.Dir(parent)
	}
	if err := unix.Access(parent, unix.W_OK|unix.X_OK); err != nil {
		who, _ := whoAmI()
		return fail(fmt.Sprintf("%s does not exist, and %s may not make it: %v", dir, who, err), you,
			fmt.Sprintf("sudo install -d -m 700 -o %s %s, or set publisher.queue.dir", who, dir))
	}
	free, _, err := room(parent)
	if err != nil {
		return fail(fmt.Sprintf("%s: %v", parent, err), you, "see the kernel's messages: dmesg")
	}
	return ok(fmt.Sprintf("%s does not exist yet; the agent makes it; %s free", dir, size(free)))
}

// room asks for the bytes of a folder's file system: free for ordinary users, and in total.
func room(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}

// examine asks for a folder's room and writes one page to it, to disk.
func examine(dir string) (s storage) {
	if s.free, s.total, s.err = room(dir); s.err != nil {
		return s
	}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		s.err = err
		return s
	}
	_, err = f.Write(make([]byte, 4096))
	s.err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
	return s
}

// used returns the bytes of a folder's files.
func used(dir string) (n int64) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range list {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
	}
	return n
}
