package sockets

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// FuzzRequest reads arbitrary packets as the manager reads them.
func FuzzRequest(f *testing.F) {
	off := false
	for _, r := range []request{
		{ID: 1, Op: opListen, Network: "tcp", Address: "127.0.0.1:80", Backlog: 5, ReuseAddr: &off},
		{ID: 1<<64 - 1, Op: opListen, Network: "unix", Address: "/run/x", ReusePort: true, Slot: 3},
		{ID: 2, Op: opTakeOver, Token: "0123"},
		{ID: 3, Op: opCommit, Pid: 1},
		{ID: 4, Op: opPing},
	} {
		body, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		packet, err := encodeFrame(frameRequest, body, 0)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, err := decodePacket(b)
		if err != nil {
			return
		}
		if h.size > MaxBody || h.files > MaxFiles || len(body) != h.size {
			t.Fatalf("%+v with %d bytes", h, len(body))
		}
		r, err := decodeRequest(body)
		if err != nil {
			return
		}
		if r.ID == 0 || r.Slot < 0 || r.Slot >= maxSlots || r.Backlog < 0 {
			t.Fatalf("%+v", r)
		}
		if s, err := resolveLiteral(t, r); err == nil && !s.same(s) {
			t.Fatalf("%+v differs from itself", s)
		}
	})
}

// resolveLiteral resolves what needs no name server.
func resolveLiteral(t *testing.T, r request) (spec, error) {
	if strings.ContainsAny(r.Address, "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ") {
		return spec{}, os.ErrInvalid
	}
	for _, c := range r.Address {
		if c > 127 || c < ' ' {
			return spec{}, os.ErrInvalid
		}
	}
	if !strings.HasPrefix(r.Address, "[") && strings.Trim(r.Address, "0123456789.:") != "" {
		return spec{}, os.ErrInvalid
	}
	return resolve(t.Context(), r.Network, r.Address)
}

func TestFramesAreChecked(t *testing.T) {
	for _, b := range []string{
		"", "S", "X\x01\x01\x00\x00\x00\x00\x00", "S\x02\x01\x00\x00\x00\x00\x00", "S\x01\x00\x00\x00\x00\x00\x00",
		"S\x01\x04\x00\x00\x00\x00\x00", "S\x01\x01\x09\x00\x00\x00\x00", "S\x01\x01\x00\x00\x00\x10\x01", "S\x01\x01\x00\x00\x00\x00\x01",
	} {
		if _, _, err := decodePacket([]byte(b)); !errors.Is(err, ErrBadRequest) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%q: %v", b, err)
		}
	}
	if _, err := encodeFrame(frameHand, make([]byte, MaxBody+1), 0); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if _, err := encodeFrame(frameHand, nil, MaxFiles+1); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if _, err := decodeRequest(make([]byte, MaxBody+1)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func TestEverySentinelHasACode(t *testing.T) {
	for code, sentinel := range codes {
		var r reply
		r.toWire(listenError("tcp", "x", sentinel))
		if r.Code != code && sentinel != ErrUnsupported || !errors.Is(r.fromWire(), sentinel) {
			t.Errorf("%s: %+v", code, r)
		}
	}
}
