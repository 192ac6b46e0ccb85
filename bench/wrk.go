package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// findWrk returns the path of the load generator wrk, "" where it is not installed.
func findWrk() string {
	path, err := exec.LookPath("wrk")
	if err != nil {
		return ""
	}
	return path
}

var (
	wrkRequests = regexp.MustCompile(`(?m)^\s*(\d+) requests in`)
	wrkRate     = regexp.MustCompile(`(?m)^Requests/sec:\s+([0-9.]+)`)
	wrkErrors   = regexp.MustCompile(`(?m)^\s*(Socket errors:.*|Non-2xx.*)$`)
)

// runWrk is one load of a second from wrk, with as many clients as ours and a new connection
// for each request. It takes less CPU time from the servers than a Go program does.
func (l *load) runWrk() (float64, error) {
	used := cpuTime(l.pids)
	url := "http://" + l.address + "/"
	out, err := exec.Command(l.wrk, "-t2", fmt.Sprintf("-c%d", clients), "-d1s", "-H", "Connection: close", url).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk %s: %w: %s", url, err, out)
	}
	n, rate, err := wrkFigures(string(out))
	if err != nil {
		return 0, fmt.Errorf("wrk %s: %w", url, err)
	}
	l.cpu = append(l.cpu, 1000*milliseconds(cpuTime(l.pids)-used)/n)
	return rate, nil
}

// wrkFigures reads what wrk prints. Any request that failed is an error.
func wrkFigures(text string) (requests, rate float64, err error) {
	if bad := wrkErrors.FindStringSubmatch(text); bad != nil {
		return 0, 0, fmt.Errorf("requests failed: %s", bad[1])
	}
	for re, to := range map[*regexp.Regexp]*float64{wrkRequests: &requests, wrkRate: &rate} {
		found := re.FindStringSubmatch(text)
		if found == nil {
			return 0, 0, fmt.Errorf("no figure in %q", text)
		}
		if *to, err = strconv.ParseFloat(found[1], 64); err != nil || *to <= 0 {
			return 0, 0, fmt.Errorf("the figure %q is none", found[1])
		}
	}
	return requests, rate, nil
}
