// Package queuetest has what a test of a queue needs: Disk, a folder in memory that is no kinder than a bad SD card, and Suite,
// which every implementation of queue.FS passes, the real one and Disk alike.
//
// Disk keeps what is synced and what is not apart, in pages of 4 KiB; records every operation, so that the state of the card
// after any prefix of a run, with any part of the unsynced pages, can be built again; and fails on demand. It promises nothing
// about time: nothing in it waits.
package queuetest

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

const page = 4096

// Op names an operation, for faults.
type Op string

// The operations.
const (
	Make     Op = "make"
	List     Op = "list"
	Open     Op = "open"
	Edit     Op = "edit"
	Create   Op = "create"
	Rename   Op = "rename"
	Remove   Op = "remove"
	SyncDir  Op = "syncdir"
	Lock     Op = "lock"
	Read     Op = "read"
	Write    Op = "write"
	Truncate Op = "truncate"
	Allocate Op = "allocate"
	Sync     Op = "sync"
	put      Op = "put" // WriteFile
)

// Fault decides what becomes of an operation on a file (name is "" for the folder). A nil error lets it be. A failing write has
// written its first part bytes. A failing sync has written those dirty pages p for which bit p%12 of part is set; the others it
// forgets, and the next sync will not write them either.
type Fault func(op Op, name string) (part int, err error)

// event is one operation that changed something.
type event struct {
	op   Op
	ino  int
	name string
	to   string
	off  int64
	data []byte
	fail bool // a sync that failed; off says which pages it wrote
}

type inode struct {
	live    []byte
	durable []byte
	dirty   map[int64]bool // pages that differ, and will be written by a sync
	blocks  int64          // allocated bytes, of a limited Disk
	shared  bool           // live and durable are somebody else's too
}

// own makes the contents writable.
func (n *inode) own() {
	if n.shared {
		n.live, n.durable, n.shared = slices.Clone(n.live), slices.Clone(n.durable), false
	}
}

// Disk is a folder in memory. It is safe for concurrent use.
type Disk struct {
	mu      sync.Mutex
	inodes  []*inode
	names   map[string]int // live
	durable map[string]int
	pending []event // changes of names since the last SyncDir
	log     []event
	fault   Fault
	locked  bool
	limit   int64 // bytes, 0: none
	peak    int64
	counts  map[Op]int
	dirs    map[string]bool
}

// NewDisk returns an empty folder.
func NewDisk() *Disk {
	return &Disk{names: map[string]int{}, durable: map[string]int{}, counts: map[Op]int{}, dirs: map[string]bool{}}
}

// SetFault makes every operation ask f; nil: none fails.
func (d *Disk) SetFault(f Fault) { d.mu.Lock(); defer d.mu.Unlock(); d.fault = f }

// SetLimit sets the room of the disk in bytes; ENOSPC beyond. 0: no limit.
func (d *Disk) SetLimit(n int64) { d.mu.Lock(); defer d.mu.Unlock(); d.limit = n }

// Count returns how many operations of a kind there were, failed ones included.
func (d *Disk) Count(op Op) int { d.mu.Lock(); defer d.mu.Unlock(); return d.counts[op] }

// Used returns the bytes that the files take now, and the most that they ever took.
func (d *Disk) Used() (now, peak int64) { d.mu.Lock(); defer d.mu.Unlock(); return d.used(), d.peak }

// ResetPeak forgets the most that the files ever took.
func (d *Disk) ResetPeak() { d.mu.Lock(); defer d.mu.Unlock(); d.peak = d.used() }

func (d *Disk) used() (n int64) {
	for _, i := range d.names {
		n += d.inodes[i].blocks
	}
	return n
}

// Unlock lets go of the lock, as the end of a process does.
func (d *Disk) Unlock() { d.mu.Lock(); defer d.mu.Unlock(); d.locked = false }

// AddDir puts a folder beside the files, which is no business of a queue.
func (d *Disk) AddDir(name string) { d.mu.Lock(); defer d.mu.Unlock(); d.dirs[name] = true }

// WriteFile puts a file there, synced.
func (d *Disk) WriteFile(name string, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.record(event{op: put, name: name, data: slices.Clone(b)})
}

// share gives c the file as it is now.
func (d *Disk) share(c *Disk, name string) {
	n := d.inodes[d.names[name]]
	n.shared = true
	c.record(event{op: put, name: name, data: n.live})
}

// ReadFile returns a copy of a file as it is now; nil if there is none.
func (d *Disk) ReadFile(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	i, ok := d.names[name]
	if !ok {
		return nil
	}
	return append([]byte{}, d.inodes[i].live...)
}

// Names returns the files that are there now, sorted.
func (d *Disk) Names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for n := range d.names {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func (d *Disk) node(b []byte) int {
	d.inodes = append(d.inodes, &inode{live: b, durable: b, dirty: map[int64]bool{}, blocks: round(int64(len(b))), shared: true})
	return len(d.inodes) - 1
}

func round(n int64) int64 { return (n + page - 1) / page * page }

// check counts an operation and asks for its fault.
func (d *Disk) check(op Op, name string) (int, error) {
	d.counts[op]++
	if d.fault == nil {
		return 0, nil
	}
	part, err := d.fault(op, name)
	if err != nil {
		err = &fs.PathError{Op: string(op), Path: name, Err: err}
	}
	return part, err
}

func (d *Disk) record(e event) {
	d.log = append(d.log, e)
	d.apply(e)
	d.peak = max(d.peak, d.used())
}

// apply carries out an operation on the live and on the durable state.
func (d *Disk) apply(e event) {
	switch e.op {
	case put:
		n := d.node(e.data)
		d.names[e.name], d.durable[e.name] = n, n
	case Create:
		d.names[e.name] = d.node(nil)
		e.ino = len(d.inodes) - 1
		d.pending = append(d.pending, e)
	case Rename:
		d.names[e.to] = d.names[e.name]
		delete(d.names, e.name)
		d.pending = append(d.pending, e)
	case Remove:
		delete(d.names, e.name)
		d.pending = append(d.pending, e)
	case SyncDir:
		if !e.fail {
			d.durable = map[string]int{}
			maps.Copy(d.durable, d.names)
		}
		d.pending = nil
	case Write:
		n := d.inodes[e.ino]
		n.own()
		n.live = grow(n.live, e.off+int64(len(e.data)))
		copy(n.live[e.off:], e.data)
		n.blocks = max(n.blocks, round(int64(len(n.live))))
		n.touch(e.off, e.off+int64(len(e.data)))
	case Allocate, Truncate:
		n := d.inodes[e.ino]
		n.own()
		old := int64(len(n.live))
		n.live = grow(n.live, e.off)
		if e.op == Truncate {
			n.live = n.live[:e.off:e.off]
			n.blocks = round(e.off)
		}
		n.blocks = max(n.blocks, round(e.off))
		n.touch(min(old, e.off), max(old, e.off))
	case Sync:
		n := d.inodes[e.ino]
		for p := range n.dirty {
			if !e.fail || e.off>>(p%12)&1 == 1 {
				n.settle(p)
			}
		}
		if !e.fail {
			n.own()
			n.durable = fit(n.durable, int64(len(n.live)))
		}
		clear(n.dirty)
	}
}

func grow(b []byte, n int64) []byte {
	if int64(len(b)) < n {
		b = append(b, make([]byte, n-int64(len(b)))...)
	}
	return b
}

func fit(b []byte, n int64) []byte { return grow(b, n)[:n] }

func (n *inode) touch(from, to int64) {
	for p := from / page; p*page < to; p++ {
		n.dirty[p] = true
	}
}

// settle copies one live page to the durable contents.
func (n *inode) settle(p int64) {
	n.own()
	from, to := p*page, min((p+1)*page, int64(len(n.live)))
	if from < to {
		n.durable = grow(n.durable, to)
		copy(n.durable[from:to], n.live[from:to])
	}
}

// Ops returns how many operations are recorded.
func (d *Disk) Ops() int { d.mu.Lock(); defer d.mu.Unlock(); return len(d.log) }

// LastWrite returns the length of operation n-1 if it is a write, 0 otherwise.
func (d *Disk) LastWrite(n int) int {
	if n == 0 || d.log[n-1].op != Write {
		return 0
	}
	return len(d.log[n-1].data)
}

// Survival says what of the unsynced state outlives a power cut.
type Survival struct {
	All  bool       // everything, as after kill -9
	Some *rand.Rand // a random part of the pages and of the changes of names; nil and not All: nothing
	Torn int        // the last write has only its first Torn bytes; negative: all of it
}

// After returns the card as a power cut after the first n recorded operations leaves it.
func (d *Disk) After(n int, s Survival) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := NewDisk()
	for i, e := range d.log[:n] {
		if i == n-1 && e.op == Write && s.Torn >= 0 && s.Torn < len(e.data) {
			e.data = e.data[:s.Torn]
		}
		c.apply(e)
	}
	c.cut(s)
	return c.Clone()
}

// cut forgets what does not survive.
func (d *Disk) cut(s Survival) {
	lives := func() bool { return s.All || s.Some != nil && s.Some.IntN(2) == 0 }
	for _, e := range d.pending {
		if !lives() {
			continue
		}
		switch e.op {
		case Create:
			d.durable[e.name] = e.ino
		case Rename:
			if i, ok := d.durable[e.name]; ok {
				d.durable[e.to] = i
				delete(d.durable, e.name)
			}
		case Remove:
			delete(d.durable, e.name)
		}
	}
	for _, n := range d.inodes {
		if s.All {
			n.durable = n.live
			continue
		}
		pages := make([]int64, 0, len(n.dirty))
		for p := range n.dirty {
			pages = append(pages, p)
		}
		slices.Sort(pages)
		for _, p := range pages {
			if lives() {
				n.settle(p)
			}
		}
		if len(pages) > 0 && lives() {
			n.own()
			n.durable = fit(n.durable, int64(len(n.live)))
		}
		n.live = n.durable
	}
	d.names = map[string]int{}
	maps.Copy(d.names, d.durable)
}

// Kill returns the folder as kill -9 leaves it: the page cache survives.
func (d *Disk) Kill() *Disk { return d.After(d.Ops(), Survival{All: true, Torn: -1}) }

// Clone returns an independent synced copy of the present state.
func (d *Disk) Clone() *Disk {
	c := NewDisk()
	for _, n := range d.Names() {
		d.mu.Lock()
		d.share(c, n)
		d.mu.Unlock()
	}
	return c
}
