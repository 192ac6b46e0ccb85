// Package procbridge starts child processes and talks with them through framed pipes.
package procbridge
