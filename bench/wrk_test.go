package main

import "testing"

const wrkOutput = `Running 1s test @ http://127.0.0.1:7002/
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.60ms    1.11ms  14.02ms   75.37%
    Req/Sec    15.56k     1.75k   18.30k    65.00%
  30962 requests in 1.00s, 4.16MB read
Requests/sec:  30876.36
Transfer/sec:      4.15MB
`

func TestWrkFiguresAreRead(t *testing.T) {
	n, rate, err := wrkFigures(wrkOutput)
	if n != 30962 || rate != 30876.36 || err != nil {
		t.Errorf("%v requests, %v/s, %v", n, rate, err)
	}
	for _, bad := range []string{
		"", "unable to connect to 127.0.0.1:1 Connection refused\n",
		wrkOutput + "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
		wrkOutput + "  Non-2xx or 3xx responses: 12\n",
		"  0 requests in 1.00s, 0.00B read\nRequests/sec:      0.00\n",
	} {
		if n, rate, err := wrkFigures(bad); err == nil {
			t.Errorf("%q: %v requests, %v/s, want an error", bad, n, rate)
		}
	}
}
