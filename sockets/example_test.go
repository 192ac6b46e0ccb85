//go:build unix

package sockets_test

import (
	"fmt"
	"log"

	"github.com/serverengine/serverengine-go/sockets"
)

// Two clients that could be two processes ask for any free port and get the
// same one, because the owner has it.
func Example() {
	owner, err := sockets.Open("") // a fresh private path
	if err != nil {
		log.Fatal(err)
	}
	defer owner.Close()

	var ports []string
	for range 2 {
		client, err := sockets.Dial(owner.Path(), owner.Token())
		if err != nil {
			log.Fatal(err)
		}
		ln, err := client.ListenTCP("127.0.0.1", 0)
		if err != nil {
			log.Fatal(err)
		}
		ports = append(ports, ln.Addr().String())
		_ = ln.Close()
		_ = client.Close()
	}
	fmt.Println(ports[0] == ports[1])
	// Output: true
}
