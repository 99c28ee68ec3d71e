// Package record packs readings into compact blocks, which is what the queue stores, and unpacks them again when a message is
// built. A reading costs 3 to 12 bytes instead of the hundred of its JSON, so a memory card is spared and the format of the
// messages may change while a backlog is waiting.
//
// It promises that a block can be read alone, that every value comes back bit for bit (only -0 becomes 0), that the time
// which is going to be sent comes back to the microsecond, and that no bytes whatever make a Reader panic, allocate without
// bound or hand out anything but finite values. Noticing flipped bits is left to the queue's checksums: here only what
// contradicts the format is found. Numbers, streams and acknowledgements belong to the queue.
//
// # Format, version 1
//
// Integers are varints as in encoding/binary, "signed" ones zigzag. Times are microseconds.
//
//	block   = version(1) boot(16) entry... end count
//	entry   = series | clock | reading
//	series  = tag 14 [length sensor] code [length quantity length unit]
//	clock   = tag 15 signed
//	reading = tag 0-13 [index] [signed] value
//	end     = 0xff
//
// A tag is the low four bits of its byte; bits 6 and 7 are zero. Series are numbered from 0 as they are defined.
//
//	series  bit 4: the sensor is that of the definition before; its name is left out.
//	        code is the quantity's place in a table that only ever grows; 0: quantity and unit follow in full.
//	clock   wall time minus boot time from here on, as the difference to the clock entry before (at first to 0).
//	        bit 4: synced. A block's first reading has one before it.
//	reading tag 0-9: value = mantissa / 10^tag, mantissa signed, of less than 2^50, with the fewest decimals.
//	        tag 10: 8 bytes, IEEE 754, little endian. 11: false. 12: true. 13: an error class: its code, 0: length text.
//	        bit 4: the time is that of the reading before (at first 0), else its signed difference in boot time follows.
//	        bit 5: the series is the one after that of the reading before (at first series 0), else its index.
//
// The count of readings at the end tells a whole block from one that was cut between two entries.
//
// # Time
//
// A Stamp holds two times. Both are read from the kernel, one after the other, so their difference trembles by microseconds,
// or by milliseconds on a busy board. The wall time always comes back exactly: it is what is sent, and it is what makes the
// times of a series rise. The boot time of an unsynced reading comes back exactly too, because from it the time is worked out
// anew once the clock is known; there each tremor costs two or three bytes a poll. The boot time of a synced reading is never needed
// again, so its difference to the wall time is kept, from block to block, until it is 2 ms off.
package record
