package host

import (
	"bytes"
	"math"
	"strconv"
)

// field cuts the first word off text.
func field(text []byte) (word, rest []byte) {
	text = bytes.TrimLeft(text, " \t\n")
	end := bytes.IndexAny(text, " \t\n")
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}

// line cuts the first line off text.
func line(text []byte) (first, rest []byte) {
	first, rest, _ = bytes.Cut(text, []byte("\n"))
	return first, rest
}

// count reads a whole number without a sign.
func count(word []byte) (n uint64, ok bool) {
	for _, c := range word {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(word) > 0
}

// parseFirst reads the number that /proc/loadavg and /proc/uptime begin with: the load over a minute, the seconds since boot.
func parseFirst(text []byte) (float64, bool) {
	word, _ := field(text)
	v, err := strconv.ParseFloat(string(word), 64)
	if err != nil || !(v >= 0) || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}

// cpuTimes is what all processors together have spent, in ticks of USER_HZ.
type cpuTimes struct{ total, idle uint64 }

// parseStat reads the first line of /proc/stat: user nice system idle iowait irq softirq steal, and guest times, which user and
// nice contain already. Old kernels have the first four only.
func parseStat(text []byte) (t cpuTimes, ok bool) {
	first, _ := line(text)
	word, rest := field(first)
	if string(word) != "cpu" {
		return t, false
	}
	for i := range 8 {
		word, rest = field(rest)
		if len(word) == 0 && i >= 4 {
			break
		}
		n, ok := count(word)
		if !ok || t.total+n < t.total {
			return t, false
		}
		t.total += n
		if i == 3 || i == 4 {
			t.idle += n
		}
	}
	return t, true
}

// parseMemory reads from /proc/meminfo the share of memory that is not available to new programs, in percent. Kernels before 3.14
// do not tell it, and are not guessed at.
func parseMemory(text []byte) (used float64, ok bool) {
	var total, available uint64
	var found int
	for len(text) > 0 && found < 2 {
		var first []byte
		first, text = line(text)
		word, rest := field(first)
		var into *uint64
		switch string(word) {
		case "MemTotal:":
			into = &total
		case "MemAvailable:":
			into = &available
		default:
			continue
		}
		word, rest = field(rest)
		unit, _ := field(rest)
		if *into, ok = count(word); !ok || string(unit) != "kB" {
			return 0, false
		}
		found++
	}
	if found < 2 || total == 0 || available > total {
		return 0, false
	}
	return percent(float64(total)-float64(available), float64(total)), true
}

// netTotals are bytes since the interfaces came up.
type netTotals struct{ received, sent float64 }

// parseNet reads /proc/net/dev: two lines of head, then an interface each: its name with a colon, 8 numbers received and 8 sent, of
// which the first ones are bytes. It adds up those of link, or of all but lo.
func parseNet(text []byte, link string) (t netTotals, found, ok bool) {
	_, text = line(text)
	_, text = line(text)
	for len(text) > 0 {
		var first []byte
		first, text = line(text)
		colon := bytes.LastIndexByte(first, ':') // an alias has a colon in its name
		if colon < 0 {
			return netTotals{}, false, false
		}
		name := bytes.TrimSpace(first[:colon])
		if link == "" && string(name) == "lo" || link != "" && string(name) != link {
			continue
		}
		rest := first[colon+1:]
		var word []byte
		for i := range 9 {
			word, rest = field(rest)
			n, ok := count(word)
			switch {
			case !ok:
				return netTotals{}, false, false
			case i == 0:
				t.received += float64(n)
			case i == 8:
				t.sent += float64(n)
			}
		}
		found = true
	}
	return t, found, true
}

// parseMilli reads a temperature in thousandths of a degree.
func parseMilli(text []byte) (float64, bool) {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 32)
	return float64(n) / 1000, err == nil
}
