package logging

import "bytes"

// continuation is the first byte of a line that belongs to the record before it.
const continuation = '\t'

// firstRecord returns the length of the first whole record of b, or 0 if b has no
// end of a record. A newline at the very end of b counts as one.
func firstRecord(b []byte) int {
	for i := 0; i < len(b); {
		nl := bytes.IndexByte(b[i:], '\n')
		if nl < 0 {
			return 0
		}
		i += nl + 1
		if i == len(b) || b[i] != continuation {
			return i
		}
	}
	return 0
}

// wholeRecords returns the length of the longest prefix of b that has at most
// limit bytes and consists of whole records; 0 if there is none.
func wholeRecords(b []byte, limit int) int {
	if limit >= len(b) {
		limit = len(b)
	}
	for limit > 0 {
		end := bytes.LastIndexByte(b[:limit], '\n') + 1
		if end == 0 || end == len(b) || b[end] != continuation {
			return end
		}
		limit = end - 1
	}
	return 0
}

// countRecords returns the number of records in b; a last one without a newline
// counts.
func countRecords(b []byte) (n uint64) {
	for len(b) > 0 {
		end := firstRecord(b)
		if end == 0 {
			return n + 1
		}
		n++
		b = b[end:]
	}
	return n
}
