// Package sockets is the socket manager: one process owns every listening
// socket, all others get copies of the descriptors, so that a port survives
// every restart and crash below its owner. It knows nothing of workers or
// actors and can be used alone.
//
//	owner process                          any other process
//	Server ── listeners, one per address
//	  ├─ Listen ───────▶ a copy            (in the same process)
//	  ├─ Attach ◀─ socket pair ─▶ FromFile ─▶ Client   (own children, no token)
//	  └─ path   ◀─ unix socket ─▶ Dial     ─▶ Client   (outsiders: uid and token)
//
// Three things are always true:
//
//   - A copy is independent: closing it ends its own Accept and nobody
//     else's. The socket lives as long as its Server, or until Sweep.
//   - Every descriptor is close-on-exec and its description non-blocking.
//     O_NONBLOCK belongs to the description, that is to all copies in all
//     processes: whoever clears it makes Accept and Close hang everywhere. So
//     nothing here calls os.File.Fd on a descriptor that is shared.
//   - The first one who asks for an address decides its options.
//
// # Addresses
//
// The key of a socket is the network and the address as asked, byte for byte:
// several who ask for "127.0.0.1:0" get one port. An empty host is dual stack,
// an IPv4 literal is IPv4 only, an IPv6 literal (also "[::]") is IPv6 only,
// network "tcp6" or "udp6" likewise. Two spellings of one socket address
// ("localhost:80", "127.0.0.1:80") are one socket; two addresses that overlap
// ("127.0.0.1:80", "0.0.0.0:80") are refused with ErrOverlap as long as the first
// is open: until Sweep finds that nobody has asked for it.
//
// TCP listeners are plain TCP, not Multipath TCP as net.Listen makes since Go
// 1.24: the copies go to programs that expect IPPROTO_TCP, and steering
// (below) is a property of plain TCP.
//
// # Pinned sockets (SO_REUSEPORT)
//
// By default all copies of an address are one socket. With ReusePort the owner
// opens one socket per slot, in slot order, and slot i gets socket i in each of
// its lives, so that a restart loses nothing. The kernel spreads connections
// by a small program over the wanted slots only. Going from 4 slots to 3 is:
// SetSlots(3) steers new connections away from socket 3; the worker of slot 3
// accepts what is queued and what was under way (DrainingListener.DrainLast) and
// ends; once nobody has a copy any more, ReleaseSlot(3) closes. A datagram socket
// stays open instead, steered around, and is slot 3's again after SetSlots(4).
// What it costs: a slot without a living worker strands its share of the
// connections until it is back. An outsider names its slot (Dial takes it from
// SERVERENGINE_WORKER_ID): all that name none are slot 0, and the others then have
// nobody. Where there is no steering (everything but
// Linux) ReusePort is the shared socket, which loses nothing either. On a
// Linux that refuses the program (before 4.5, or a seccomp filter) the kernel
// spreads by its own hash over all open sockets, and lowering the number of
// slots resets what is queued on the closed ones; Info.Steered tells.
//
// # Wire
//
// One frame is a header of 8 bytes and a body of at most MaxBody bytes:
//
//	0      'S'
//	1      version, 1
//	2      type: 1 request, 2 reply, 3 hand
//	3      number of descriptors that come with it (SCM_RIGHTS), 0 to 8
//	4..7   length of the body, big endian
//
// On a stream frames follow each other; on a SOCK_SEQPACKET socket (the pair on
// Linux) one packet is one frame. Descriptors travel with the first byte of
// their frame. Requests and replies are JSON objects, see request and reply in
// messages.go; a hand's body is opaque. A reply bears the id of its request; a
// reply with id 0 speaks of the connection, which then ends. A frame that is
// not well-formed ends its connection and nothing else.
package sockets
