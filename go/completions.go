// What has finished, and the pipe that tells Python so.

package main

import (
	"os"
	"sync"

	"github.com/pycoco/pycoco/go/internal/operations"
	"github.com/pycoco/pycoco/go/internal/process"
)

var (
	completions = &operations.Queue{Wake: finished.signal}
	runner      = operations.NewRunner(completions.Add)
	finished    = &completionPipe{}
)

func init() {
	process.ForwardLogs(completions.Log)
}

// completionPipe is made on first use. The queue signals no second time before it was found empty, and whoever empties
// it takes the byte first: so there is at most one byte in it, and writing never blocks.
type completionPipe struct {
	mutex       sync.Mutex
	read, write *os.File
	unsaid      bool // signalled before there was a pipe
}

func (p *completionPipe) signal() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.unsaid = p.write == nil; !p.unsaid {
		_, _ = p.write.Write([]byte{1})
	}
}

// descriptor returns the pipe's read end, or -1.
func (p *completionPipe) descriptor() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.read == nil {
		read, write, err := os.Pipe()
		if err != nil {
			return -1
		}
		p.read, p.write = read, write
		if p.unsaid {
			_, _ = p.write.Write([]byte{1})
		}
	}
	return int(p.read.Fd())
}
