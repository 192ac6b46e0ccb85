package workers

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/serverengine/serverengine-go/config"
)

// servedTLS is a worker that serves HTTP over TLS on pipes.
func servedTLS(h http.HandlerFunc, config *tls.Config, change ...func(*config.Config)) *stage {
	return begin(Code{Readiness: ByCall, New: Func(func(ctx context.Context, self *Self) error {
		ln, err := self.Listen("tcp", "free")
		if err != nil {
			return err
		}
		return ServeTLS(ctx, self, &http.Server{Handler: h, TLSConfig: config}, ln, "", "")
	})}, change...)
}

// testTLS is a certificate and a client configuration that trusts it.
func testTLS(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	ts := httptest.NewTLSServer(nil)
	defer ts.Close()
	trusts := ts.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	trusts.ServerName = "example.com"
	return &tls.Config{Certificates: ts.TLS.Certificates}, trusts
}

// Over TLS a stop is as gentle: clients of HTTP/2 are told to leave, what is in hand is
// answered, and handlers see what http.Server shows of TLS.
func TestServeTLSSpeaksHTTP2AndStopsGently(t *testing.T) {
	server, trusts := testTLS(t)
	synctest.Test(t, func(t *testing.T) {
		s := servedTLS(func(w http.ResponseWriter, r *http.Request) {
			if r.TLS == nil || r.ProtoMajor != 2 {
				t.Errorf("request with %s, TLS %v", r.Proto, r.TLS != nil)
			}
			if r.URL.Path == "/slow" {
				work(3 * second)
			}
			hello(w, r)
		}, server)
		synctest.Wait()
		transport := &http.Transport{
			DialContext:       func(context.Context, string, string) (net.Conn, error) { return s.host.listener.dial() },
			TLSClientConfig:   trusts,
			ForceAttemptHTTP2: true,
		}
		get := func(path string) string {
			resp, err := (&http.Client{Transport: transport}).Get("https://example.com" + path)
			if err != nil {
				return err.Error()
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				return err.Error()
			}
			return string(b)
		}
		if got := get("/"); got != "hello" {
			t.Fatalf("answer %q", got)
		}
		slow, during := make(chan string, 1), make(chan string, 1)
		go func() { slow <- get("/slow") }()
		pass(t, second)
		s.stop(&StopCause{})
		pass(t, second/20)
		go func() { during <- get("/") }()
		if got := <-during; got != "hello" {
			t.Errorf("a request during the drain: %q", got)
		}
		if got := <-slow; got != "hello" {
			t.Errorf("the request in hand: %q", got)
		}
		pass(t, 10*second)
		if got := get("/"); got == "hello" {
			t.Error("the stopped server answers")
		}
		transport.CloseIdleConnections()
		if e := s.exit(t); !e.Ok() {
			t.Errorf("exit %s", e)
		}
	})
}

// Without a certificate the worker is never ready, and the error says what to give.
func TestServeTLSWithoutCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servedTLS(hello, nil)
		synctest.Wait()
		if s.isReady() {
			t.Error("ready without a certificate")
		}
		if e := s.exit(t); e.Ok() || !strings.Contains(e.String(), "give certFile and keyFile") {
			t.Errorf("exit %s", e)
		}
	})
}
