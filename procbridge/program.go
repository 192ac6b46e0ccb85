package procbridge

import (
	"bytes"
	"io"
	"os"
)

// magicSize is how many bytes of a file tell what it is.
const magicSize = 256

// head is the first bytes of a file, nothing when it cannot be read.
func head(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, magicSize)
	n, err := io.ReadFull(f, b)
	if err != nil && n == 0 {
		return nil
	}
	return b[:n]
}

// elfMachines names the architectures that Go knows.
var elfMachines = map[uint16]string{
	3: "386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm",
	62: "amd64", 183: "arm64", 243: "riscv64", 258: "loong64",
}

// format says what kind of program the first bytes are: for which system, and for which
// architecture where that is known.
func format(first []byte) (system, arch string) {
	switch {
	case len(first) >= 20 && bytes.HasPrefix(first, []byte("\x7fELF")):
		machine := uint16(first[18]) | uint16(first[19])<<8
		if first[5] == 2 { // big endian
			machine = uint16(first[19]) | uint16(first[18])<<8
		}
		return "ELF", elfMachines[machine]
	case bytes.HasPrefix(first, []byte("MZ")):
		return "Windows", ""
	case bytes.HasPrefix(first, []byte("\xcf\xfa\xed\xfe")) && len(first) >= 8:
		switch first[4] {
		case 7:
			return "macOS", "amd64"
		case 12:
			return "macOS", "arm64"
		}
		return "macOS", ""
	case bytes.HasPrefix(first, []byte("\xca\xfe\xba\xbe")):
		return "macOS", ""
	}
	return "", ""
}
