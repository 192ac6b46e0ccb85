//go:build unix

package serverengine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/serverengine/serverengine-go"
)

func init() {
	roles["turns"] = func() { run(appOf(turns)) }
	roles["datagram turns"] = func() { run(appOf(datagramTurns)) }
	roles["echo"] = func() { run(appOf(echo)) }
}

// addressOf is the address a worker is configured to listen on.
func addressOf(self *serverengine.Self) (network, address string) {
	v, _ := self.Config().Get("address")
	if path, ok := strings.CutPrefix(v.(string), "unix:"); ok {
		return "unix", path
	}
	return "tcp", v.(string)
}

// turns is a worker that serves one connection after another: it says who it is and waits
// until the client has gone. With accept: false it only keeps the socket open.
func turns(ctx context.Context, self *serverengine.Self) error {
	ln, err := self.Listen(addressOf(self))
	if err != nil {
		return err
	}
	self.Logger().Infof("serving on %s", ln.Addr())
	self.Ready()
	if accept, _ := self.Config().Get("accept"); accept == false {
		<-ctx.Done()
		return nil
	}
	for {
		c, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(c, "worker=%d pid=%d reuseport=%t\n", self.ID(), os.Getpid(), self.Config().SocketReuseport)
		_, _ = io.Copy(io.Discard, c) // until the client has gone, however it goes
		c.Close()
	}
}

// datagrams serves one datagram after another until the worker is told to stop.
func datagrams(self *serverengine.Self, serve func(pc net.PacketConn, from net.Addr, text []byte) error) error {
	_, address := addressOf(self)
	pc, err := self.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	self.Logger().Infof("serving on %s", pc.LocalAddr())
	self.Ready()
	buf := make([]byte, 2048)
	for {
		n, from, err := pc.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err == nil {
			err = serve(pc, from, buf[:n])
		}
		if err != nil {
			return err
		}
	}
}

// datagramTurns connects to where a datagram says, tells who it is and waits until the other
// side has gone.
func datagramTurns(_ context.Context, self *serverengine.Self) error {
	return datagrams(self, func(_ net.PacketConn, _ net.Addr, text []byte) error {
		c, err := net.Dial("tcp", string(text))
		if err != nil {
			return err
		}
		fmt.Fprintf(c, "worker=%d pid=%d\n", self.ID(), os.Getpid())
		_, _ = io.Copy(io.Discard, c) // until the other side has gone, however it goes
		return c.Close()
	})
}

// echo answers each datagram with the worker's number and the datagram.
func echo(_ context.Context, self *serverengine.Self) error {
	return datagrams(self, func(pc net.PacketConn, from net.Addr, text []byte) error {
		_, err := pc.WriteTo(fmt.Appendf(nil, "worker=%d %s", self.ID(), text), from)
		return err
	})
}
