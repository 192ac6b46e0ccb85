package sockets

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// spec is an address as it will be bound: what two requests are compared by.
type spec struct {
	proto   string // tcp, udp, unix, unixgram, unixpacket
	ip      netip.Addr
	dual    bool // ip is :: and takes IPv4 too
	port    int
	path    string // of the unix networks
	network string // for net.ListenConfig
}

func (s spec) unix() bool   { return strings.HasPrefix(s.proto, "unix") }
func (s spec) packet() bool { return s.proto == "udp" || s.proto == "unixgram" }

// file is the path in the file system, "" if there is none (abstract names).
func (s spec) file() string {
	if !s.unix() || strings.HasPrefix(s.path, "@") {
		return ""
	}
	return s.path
}

// address is for net.ListenConfig.
func (s spec) address() string {
	if s.unix() {
		return s.path
	}
	if s.dual {
		return ":" + strconv.Itoa(s.port)
	}
	return net.JoinHostPort(s.ip.String(), strconv.Itoa(s.port))
}

func (s spec) String() string { return s.proto + " " + s.address() }

// same says whether both are one socket.
func (s spec) same(t spec) bool {
	if s.proto != t.proto || s.path != t.path {
		return false
	}
	return s.unix() || s.port == t.port && s.ip == t.ip && s.dual == t.dual
}

// overlaps says whether both want packets to the same local address.
func (s spec) overlaps(t spec) bool {
	if s.unix() && t.unix() {
		return s.path == t.path
	}
	if s.proto != t.proto || s.port != t.port || s.port == 0 {
		return false
	}
	return s.covers(t) || t.covers(s)
}

// covers says whether t's address is one of s's.
func (s spec) covers(t spec) bool {
	switch {
	case s.dual:
		return true
	case s.ip.IsUnspecified():
		return s.ip.Is4() == t.ip.Is4()
	}
	return s.ip == t.ip
}

// resolve turns what was asked into what to bind. It may look up a host or
// service name, so it is never called with a lock held.
func resolve(ctx context.Context, network, address string) (spec, error) {
	if len(address) > MaxBody/4 {
		return spec{}, fmt.Errorf("an address of %d bytes: %w", len(address), ErrTooLarge)
	}
	switch proto := protoOf(network); proto {
	case "":
		return spec{}, net.UnknownNetworkError(clip(network, 32))
	case "tcp", "udp":
		return resolveIP(ctx, network, address)
	}
	if address == "" {
		return spec{}, fmt.Errorf("an empty path: %w", ErrBadRequest)
	}
	if err := checkPath(address); err != nil {
		return spec{}, err
	}
	return spec{proto: network, path: address, network: network}, nil
}

// protoOf is a network without its family, "" for an unknown one.
func protoOf(network string) string {
	switch network {
	case "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6":
		return network[:3]
	case "unix", "unixgram", "unixpacket":
		return network
	}
	return ""
}

func resolveIP(ctx context.Context, network, address string) (spec, error) {
	s := spec{proto: network[:3]}
	family := network[3:] // "", "4" or "6"
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return s, err
	}
	if s.port, err = net.DefaultResolver.LookupPort(ctx, s.proto, service); err != nil {
		return s, err
	}
	switch {
	case host != "":
		s.ip, err = lookup(ctx, host, family)
	case family == "4":
		s.ip = netip.IPv4Unspecified()
	default:
		s.ip, s.dual = netip.IPv6Unspecified(), family == ""
	}
	if err != nil {
		return s, err
	}
	s.network = s.proto + familyOf(s)
	return s, nil
}

func familyOf(s spec) string {
	switch {
	case s.dual:
		return ""
	case s.ip.Is4():
		return "4"
	}
	return "6"
}

// lookup prefers IPv4 for names, as net.Listen does.
func lookup(ctx context.Context, host, family string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if family != "" && ip.Is4() != (family == "4") {
			return ip, fmt.Errorf("%s is not an IPv%s address: %w", host, family, ErrBadRequest)
		}
		return ip, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip"+family, host)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, ip := range ips {
		if ip.Unmap().Is4() {
			return ip.Unmap(), nil
		}
	}
	if len(ips) == 0 {
		return netip.Addr{}, fmt.Errorf("%s has no address: %w", host, ErrBadRequest)
	}
	return ips[0], nil
}

// withBound completes s by what the kernel chose: the port, or the family
// where a machine has no IPv6.
func (s spec) withBound(a net.Addr) spec {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	default:
		return s
	}
	s.port = int(ap.Port())
	if s.dual && ap.Addr().Is4() {
		s.ip, s.dual, s.network = netip.IPv4Unspecified(), false, s.proto+"4"
	}
	return s
}
