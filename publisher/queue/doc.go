// Package queue is the durable queue between the sensors and the broker: an append-only log of blocks of readings with a tail in
// memory. It knows streams, numbers and bytes; what a block means, how it is sent and when it is acknowledged is package
// publisher's business.
//
// # Promises
//
// Every number of every stream is given out by Next until it is settled by Ack, or stands in a Loss, or (after a crash) is
// younger than Options.Sync. Settled is final within a run; after a crash up to a minute of settled blocks may be given out
// again. A block comes back as the bytes that were appended or not at all. Losses are told until they are settled too.
// Blocks come in order: earlier runs first, each from its lowest number.
//
// Nothing that a disk does ends the program or keeps Open from opening. The folder never holds more than Options.Max, and memory
// is bounded by Options.MemoryBytes and the size of one segment, never by the backlog.
//
// A block that is settled before it is Sync old is never written; while nothing of the backlog is on disk, acknowledgements
// write nothing. With Sync 0 a block is shown to the reader only when it is on disk; many blocks share one write.
//
// # What is assumed of the card
//
// When fsync returns nil, what was written before survives a power cut. Anything else may be torn in pieces, out of order, zero
// or garbage, and a cut may damage what was written earlier: every frame has a checksum of its own and nothing is trusted
// because of its place. A failed fsync means that the pages are gone, even if the next fsync succeeds: it is never repeated on
// the same file. No file of an earlier run is ever appended to, and no page that held synced data is rewritten, but for the two
// slots of the state file, in turn.
//
// # Layout
//
// The folder (0700) holds LOCK (flock), state, segments named by their ordinal in 16 hexadecimal digits with the ending .seg, and
// at most one segment.bad, a file whose header was damaged. Integers are little endian, checksums CRC-32C, all of a frame's
// seeded with its segment's salt. Unused room is zero. Files are 0600.
//
//	segment header, 80 bytes                      frame, 40 bytes and the data, zeros to a multiple of 8
//	 0  "PINHSEG", version 1                       0  u16 0xB10C
//	 8  u64 ordinal                                2  u8 1 data, 2 end of the stream
//	16  16 bytes stream                            3  u8 0
//	32  u32 epoch                                  4  u32 length of the data, 64 KiB at most
//	36  u32 salt                                   8  u64 number of the first reading
//	40  u64 base: lowest number in the file       16  u64 floor: number
//	48  i64 wall time, ns since 1970              24  u32 count of readings, 0 at the end
//	56  u64 readings, in a thinned file           28  u32 floor: epoch
//	64  u8 how often it was thinned               32  u32 checksum of the data
//	65  zeros                                     36  u32 checksum of the 36 bytes before
//	76  u32 checksum of the 76 bytes before
//
//	state, 64 KiB: two slots of 32 KiB, the newer sound one counts
//	 0  "PINHSTA", version 1                       losses, 48 bytes each
//	 8  u64 generation                              0  16 bytes stream
//	16  u64 cursor: number                         16  u32 epoch
//	24  u32 cursor: epoch                          20  u8 reason, u8 delivered, u16 0
//	28  u32 count of losses                        24  u64 first number, u64 count, u64 span
//	32  u32 length of the meta bytes              then the meta bytes
//	36  u64 0                                     then u32 checksum of all before
//	44  u32 checksum of the 44 bytes before
//
// A segment belongs to one stream; a run starts new ones. Its file is preallocated and cut to its contents when it is done with.
// The cursor is the position below which all is settled. The floor of a frame is the cursor when it was written: the cursor
// becomes durable with the data, and numbers below it that were never written are no holes.
//
// # Order of writing, and what a crash leaves
//
// A block: one write, one fdatasync; in a new file the header goes with the first blocks, and the folder is synced after it. A
// file goes only when a state that has passed it, or lists its numbers as lost, was synced. Recovery takes the later of the state's
// cursor and the newest segment's floors.
//
//   - During the first start, or a new file: no file, an empty one, or one that ends early. It is removed, or read as far as it is sound.
//   - During a write: the newest file's torn end. It is cut off; sound frames behind a hole are kept.
//   - During a write of the state: the other slot counts. Both bad, or none: everything on disk is given out again.
//   - Between state and removal, or a removal undone: the file lies below the cursor and is removed, or its numbers are listed as
//     lost and passed over.
//   - Between a failed sync and the same blocks in a new file: frames may be in both. The new file's base ends the old one.
//   - While thinning: the copy is a .tmp, which is removed; after the rename the copy counts.
//   - A missing end of a stream that crashed is no Loss: nobody knows how long it was.
//
// A bad frame costs itself, a bad header its file; the numbers around tell how many readings that were. They become a Loss
// when the reader gets there, once.
//
// # A full disk, a bad disk
//
// Full is Options.Max, or the file system's own end. DropOldest gives up the oldest segment that holds nothing in flight, listed as
// one range per stream before the file goes. DropNewest refuses what is due to be written. Thin rewrites the oldest of the least
// thinned segments with every other block, chosen by chance so that slow sensors do not vanish. Draining needs no room.
//
// After a failed write or sync, everything unsynced is written again from memory to a new file. After three failures in a row
// blocks stay in memory, Options.MemoryBytes of them, then the policy decides there; the disk is tried again every minute, a full
// one every five seconds. A page that cannot be read is tried three times, a second apart, and then passed over as corrupt.
//
// If the folder cannot be read at the start, the run's epoch is 0 until it can. If it turns out to hold a backlog, the reader
// goes back to that, and blocks of this run that were in flight are given out again, in the folder's next epoch.
//
// # Not promised
//
// That nothing comes twice. That more than 640 losses which wait to be told are kept apart: beyond, the oldest entry is
// forgotten and counted in Stats. That numbers are exact when thinning, damage and a change of disk meet in one range: a lost
// reading may then be counted twice, never left out.
package queue
