package config

import "testing"

func TestSplitAddress(t *testing.T) {
	for _, c := range []struct{ in, network, address string }{
		{"0.0.0.0:80", "tcp", "0.0.0.0:80"},
		{"tcp://[::1]:80", "tcp", "[::1]:80"},
		{"udp://127.0.0.1:53", "udp", "127.0.0.1:53"},
		{"unix:///run/app.sock", "unix", "/run/app.sock"},
	} {
		network, address, err := SplitAddress(c.in)
		if err != nil || network != c.network || address != c.address {
			t.Errorf("%s: %q, %q, %v", c.in, network, address, err)
		}
	}
	for _, bad := range []string{"", "80", "http://a:80", "::1:80", "unix://"} {
		if _, _, err := SplitAddress(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
