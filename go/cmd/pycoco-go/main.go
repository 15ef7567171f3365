// pycoco-go is the library as a program: requests on standard input, replies on standard output. It is for Python alone.
package main

import (
	"os"

	"github.com/pycoco/pycoco/go/internal/pipe"
)

func main() { os.Exit(pipe.Serve(os.Stdin, os.Stdout)) }
