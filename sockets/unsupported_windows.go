package sockets

import (
	"net"
	"os"
	"syscall"
)

// Windows has no descriptor passing over sockets: everything that would give a
// copy says ErrUnsupported.

func socketPair() ([2]int, error) { return [2]int{-1, -1}, ErrUnsupported }

func bind(want spec, _ ListenOptions, _ bool) (int, spec, error) { return -1, want, ErrUnsupported }

func replacingStale(_, _ string, bind func() error) error { return bind() }

func dupFD(int) (int, error)            { return -1, ErrUnsupported }
func dupConn(syscall.Conn) (int, error) { return -1, ErrUnsupported }
func closeFDs([]int)                    {}
func closeFD(int)                       {}

func fileOf(int, string) *os.File { return nil }

func isPacketSocket(*os.File) (bool, error) { return false, ErrUnsupported }

const ctrunc = 0

func oobSpace(int) int                   { return 0 }
func encodeRights([]int) []byte          { return nil }
func decodeRights([]byte) ([]int, error) { return nil, nil }

func inheritedFile(int, string) (*os.File, error) { return nil, ErrUnsupported }

func adopt(in Inherited) *inheritedSocket {
	_ = in.File.Close()
	return nil
}

func listenPath(string) (*net.UnixListener, error) { return nil, ErrUnsupported }

func reachable(string, User) error { return nil }

func (p *pathSocket) giveFiles(User) error { return ErrUnsupported }

func chownSocket(int, int, int) error { return ErrUnsupported }

func (f fileID) chown(int, int) error { return ErrUnsupported }

func specOf(int) (spec, error) { return spec{}, ErrUnsupported }

func acceptQueued(net.Listener) (net.Conn, error) { return nil, ErrUnsupported }

func readable(net.PacketConn) bool { return false }

// Pinned is false: there is nothing like it here.
func Pinned(any) bool { return false }
