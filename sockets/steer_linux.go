package sockets

import (
	"golang.org/x/sys/unix"
)

const canSteer = true

// netOff addresses a packet from its network header on: the kernel runs the
// program with the transport header already taken off.
const netOff = 0xfff00000 // SKF_NET_OFF

// steering picks socket hash(source address, source port) mod n. All packets of
// one peer address go one way, which keeps UDP conversations together and lets
// a connection made under SYN cookies find the listener of its SYN.
func steering(n int) []unix.SockFilter {
	const (
		ld, ldx, st, alu, jmp, ret = unix.BPF_LD, unix.BPF_LDX, unix.BPF_ST, unix.BPF_ALU, unix.BPF_JMP, unix.BPF_RET
		word, half, octet          = unix.BPF_W, unix.BPF_H, unix.BPF_B
		golden                     = 0x9e3779b1 // 2^32 / golden ratio: spreads neighbours
	)
	op := func(code int, k uint32) unix.SockFilter { return unix.SockFilter{Code: uint16(code), K: k} }
	return []unix.SockFilter{
		op(ld|octet|unix.BPF_ABS, netOff), // IP version
		op(alu|unix.BPF_RSH|unix.BPF_K, 4),
		{Code: uint16(jmp | unix.BPF_JEQ | unix.BPF_K), K: 6, Jt: 5},
		op(ldx|octet|unix.BPF_MSH, netOff), // IPv4: length of the header
		op(ld|half|unix.BPF_IND, netOff),   // source port
		op(st, 0),
		op(ld|word|unix.BPF_ABS, netOff+12), // source address
		op(jmp|unix.BPF_JA, 7),
		op(ld|half|unix.BPF_ABS, netOff+40), // IPv6: source port
		op(st, 0),
		op(ld|word|unix.BPF_ABS, netOff+16), // last 8 bytes of the source address
		op(unix.BPF_MISC|unix.BPF_TAX, 0),
		op(ld|word|unix.BPF_ABS, netOff+20),
		op(alu|unix.BPF_XOR|unix.BPF_X, 0),
		op(jmp|unix.BPF_JA, 0),
		op(alu|unix.BPF_MUL|unix.BPF_K, golden),
		op(ldx|word|unix.BPF_MEM, 0),
		op(alu|unix.BPF_XOR|unix.BPF_X, 0),
		op(alu|unix.BPF_MUL|unix.BPF_K, golden),
		op(alu|unix.BPF_RSH|unix.BPF_K, 16),
		op(alu|unix.BPF_MOD|unix.BPF_K, uint32(n)),
		op(ret|unix.BPF_A, 0),
	}
}

// attachSteering sets the program of the whole group fd belongs to. The kernel
// replaces an earlier one in one step.
func attachSteering(fd, n int) error {
	prog := steering(n)
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		&unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]})
}

// queued is the number of connections nobody has accepted; of datagrams it only
// tells whether there are any.
func queued(fd int, packet bool) int {
	if !packet {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			return int(info.Unacked) // of a listener: the length of its accept queue
		}
	}
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, _ := unix.Poll(p, 0)
	return max(n, 0)
}

// shut ends a listener for all who have a copy of it, and takes it out of its group. A
// datagram socket knows nothing like it: it is in the group until its last copy is closed.
func shut(fd int) { _ = unix.Shutdown(fd, unix.SHUT_RD) }

// discard drops what a datagram socket has queued and says how much that was.
func discard(fd int) (n int) {
	var b [1]byte // the rest of each is cut off
	for {
		_, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT)
		switch err {
		case nil:
			n++
		case unix.EINTR:
		default:
			return n
		}
	}
}
