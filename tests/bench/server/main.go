// Command benchserver is what the benchmarks measure against: a registry that answers from memory and counts, a relay
// that delays, and a load generator that shows how much both can take. It is no registry to push to, and nothing of
// pycoco's own.
//
//	benchserver serve --certificate FILE --key FILE [--repositories N] [--tags N]
//	benchserver relay --target HOST:PORT --delay DURATION
//	benchserver load --url URL --ca FILE --connections N --images N
//
// serve and relay print one line of JSON that says where they listen, and end when their standard input does: whoever
// started them may be killed without leaving them behind.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "benchserver:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("which command: serve, relay or load?")
	}
	switch args[0] {
	case "serve":
		return serve(args[1:])
	case "relay":
		return relay(args[1:])
	case "load":
		return load(args[1:])
	}
	return fmt.Errorf("no command %q: it is serve, relay or load", args[0])
}

// announce prints where a server listens and returns when standard input ends.
func announce(addresses any) error {
	if err := json.NewEncoder(os.Stdout).Encode(addresses); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
