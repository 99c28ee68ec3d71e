package kind

import (
	"fmt"
	"strconv"
	"strings"
)

// ParsePin reads the name of a line: "GPIO17" is offset 17 of the chip behind the header, for which label is ""; "LABEL:OFFSET"
// is a line of any chip, by the chip's label, which unlike its number is the same after every boot.
func ParsePin(pin string) (label string, offset uint32, err error) {
	number, isHeader := strings.CutPrefix(pin, "GPIO")
	if i := strings.LastIndexByte(pin, ':'); i >= 0 {
		label, number, isHeader = pin[:i], pin[i+1:], false
		if label == "" {
			return "", 0, fmt.Errorf("pin %q: no chip label before the colon", pin)
		}
	} else if !isHeader {
		return "", 0, fmt.Errorf("pin %q: neither GPIO17 nor LABEL:OFFSET", pin)
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || number != strconv.FormatUint(n, 10) {
		return "", 0, fmt.Errorf("pin %q: %q is no line number", pin, number)
	}
	return label, uint32(n), nil
}
