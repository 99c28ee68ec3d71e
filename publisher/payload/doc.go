// Package payload builds the messages that consumers read: readings and losses in one of three formats, "json", "columns" and
// "senml".
//
// It promises that a message is valid UTF-8 JSON, that a number in it parses back to the very value that was measured, that
// times are exact to the microsecond, that the same readings give the same bytes, and that Len is the exact size of the
// message at any moment, so that a packer can fill it up to a limit. Once its buffers have grown an Encoder does not
// allocate. Which readings go together, and what a message may weigh, is the publisher's business; so are the numbers.
//
// # json
//
// One object, members in this order; lost and end only where there is something to tell:
//
//	{"device":D,"stream":UUID,"seq":N,"lost":[LOSS...],"end":true,"readings":[READING...]}
//	LOSS    {"stream":UUID,"seq":N,"count":N,"span":N,"reason":R}                  span only if the count is spread
//	READING {"sensor":S,"quantity":Q,"unit":U,"time":T,"value":V,"clock":"unsynced"}   "error":CLASS in place of the value
//
// T is in milliseconds since 1970 UTC with up to three decimals, none where it is whole. Reading k has the number seq+k.
//
// # columns
//
// The readings by series, for fewer bytes. The batch covers the numbers seq to seq+count-1; which reading has which of them
// does not stand in it, but within a series they rise.
//
//	{"device":D,"stream":UUID,"seq":N,"count":N,"lost":[LOSS...],"end":true,"series":[SERIES...]}
//	SERIES {"sensor":S,"quantity":Q,"unit":U,"time":[T,DT,DT...],"value":[V,V,V...],"clock":"unsynced"}
//
// The first time is absolute, each further one the difference to the one before, in milliseconds likewise. There is a series
// for each (sensor, quantity, error class, unsynced or not) that occurs, in the order in which they first do. One of errors
// has "error":CLASS in place of the values: each of its times is such an error.
//
// # senml
//
// A pack of RFC 8428. All that belongs to the batch stands in the first record, also as labels of our own:
//
//	[{"bn":"D/","bt":T,"stream":UUID,"seq":N,"count":N,"lost":[LOSS...],"end":true,"n":"S/Q","u":U,"v":V},{"n":"S/Q",...}...]
//
// Members of a record: n, u, then v, vb (booleans) or vs (an error; n is then S/Q/error and u is left out), t in seconds after
// bt, left out at 0, and clock. bt is the first reading's time in seconds. Both have up to six decimals. Record k is the
// reading seq+k. A pack without readings has one record, because section 4.2 demands a value in each: "n":"readings","v":0.
package payload
