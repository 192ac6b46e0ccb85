package procbridge

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	maxTitle   = 4095 // bytes
	maxComm    = 15   // bytes, the kernel's limit
	setMMMap   = 14   // PR_SET_MM_MAP
	exeFDUnset = ^uint32(0)
)

// SetTitle gives this process the command line that ps -o args shows, and its beginning as
// the short name. Longer than 4095 bytes is cut. It may be called again at any time. Where
// the system has no way it does nothing; an error says that a way was there and failed.
//
// os.Args, and all strings taken from it, stay as they are: the kernel is shown another
// piece of memory, nothing is overwritten.
func SetTitle(title string) error {
	if err := setArgs(title); err != nil {
		return fmt.Errorf("set the process title: %w", err)
	}
	return SetComm(title)
}

// SetComm gives this process its short name, as ps -o comm shows it: the first 15 bytes.
// On systems without one it does nothing.
func SetComm(name string) error {
	name = strings.ReplaceAll(name, "\x00", " ")
	if len(name) > maxComm {
		name = name[:maxComm]
	}
	err := os.WriteFile("/proc/self/comm", []byte(name), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("set the short name of the process: %w", err)
	}
	return nil
}

// titleMu guards titleArea, the memory that the kernel takes for this process's arguments
// once a title is set.
var (
	titleMu   sync.Mutex
	titleArea []byte
)

// setArgs writes the title where the kernel looks, after it was told to look there.
func setArgs(title string) error {
	titleMu.Lock()
	defer titleMu.Unlock()
	area := titleArea
	if area == nil {
		var err error
		area, err = unix.Mmap(-1, 0, maxTitle+1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return fmt.Errorf("map memory: %w", err)
		}
	}
	n := copy(area[:maxTitle], strings.ReplaceAll(title, "\x00", " "))
	clear(area[n:])
	if err := showArgs(area, n+1); err != nil {
		if titleArea == nil {
			_ = unix.Munmap(area)
		}
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, os.ErrNotExist) {
			return nil // a kernel without it, a sandbox, or no /proc
		}
		return err
	}
	titleArea = area
	return nil
}

// mmMap is the kernel's struct prctl_mm_map.
type mmMap struct {
	startCode, endCode, startData, endData uint64
	startBrk, brk, startStack              uint64
	argStart, argEnd, envStart, envEnd     uint64
	auxv                                   uintptr
	auxvSize, exeFD                        uint32
}

// showArgs tells the kernel that this process's arguments are the first size bytes of
// area. PR_SET_MM_MAP needs no privilege, unlike its relatives that set one value, and wants
// all values: everything else is set to what it is.
func showArgs(area []byte, size int) error {
	fields, err := statFields()
	if err != nil {
		return err
	}
	var m mmMap
	for field, to := range map[int]*uint64{
		26: &m.startCode, 27: &m.endCode, 28: &m.startStack, 45: &m.startData, 46: &m.endData,
		47: &m.startBrk, 50: &m.envStart, 51: &m.envEnd,
	} {
		if *to, err = strconv.ParseUint(fields[field], 10, 64); err != nil {
			return fmt.Errorf("field %d of /proc/self/stat: %w", field, err)
		}
	}
	m.argStart = uint64(uintptr(unsafe.Pointer(&area[0])))
	m.argEnd = m.argStart + uint64(size)
	m.exeFD = exeFDUnset
	// Go takes no memory by brk. C code may, so the value is read as late as possible.
	brk, _, _ := unix.RawSyscall(unix.SYS_BRK, 0, 0, 0)
	m.brk = uint64(brk)
	_, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_MM, setMMMap,
		uintptr(unsafe.Pointer(&m)), unsafe.Sizeof(m), 0, 0)
	runtime.KeepAlive(&m)
	if errno != 0 {
		return fmt.Errorf("prctl PR_SET_MM_MAP: %w", errno)
	}
	return nil
}

// statFields are the fields of /proc/self/stat by their number in proc(5).
func statFields() ([]string, error) {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil, err
	}
	_, rest, ok := bytes.Cut(b[bytes.LastIndexByte(b, ')')+1:], []byte(" ")) // the name may hold anything
	fields := append([]string{"", "", ""}, strings.Fields(string(rest))...)
	if !ok || len(fields) < 52 {
		return nil, fmt.Errorf("/proc/self/stat has %d fields: %w", len(fields), os.ErrNotExist)
	}
	return fields, nil
}
