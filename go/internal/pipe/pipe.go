// Package pipe answers requests that come through a pipe, for a process that no Go library can be loaded into: with musl,
// or forked after one was loaded. It knows operations no better than the C exports do.
//
// The answering side first writes Version, eight bytes. A frame from Python is three numbers of eight bytes, the body's
// size, an operation's id and a verb, and the body. A reply is laid out as pycoco.h describes it. Numbers are in the
// machine's own byte order.
package pipe

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/pycoco/pycoco/go/internal/operations"
	"github.com/pycoco/pycoco/go/internal/process"
)

// What a frame asks for; pycoco/backends/go/process.py has the same numbers.
const (
	submit    = iota // start the request in the body
	call             // answer it before the next frame is looked at
	cancel           // end the operation soon
	directory        // make the body the working directory, which relative names in requests are of
)

// largestBody is more than any request has: its largest part is a manifest of 4 MiB in base64.
const largestBody = 64 << 20

// Serve answers what it reads until that ends, and returns the process's exit status. Nothing that still runs is waited
// for. After a panic the process is of no more use, and Python will start another.
func Serve(requests io.Reader, replies io.Writer) int {
	wake := make(chan struct{}, 1)
	queue := &operations.Queue{Wake: func() {
		select {
		case wake <- struct{}{}:
		default: // one is enough: whoever is woken takes everything
		}
	}}
	runner := operations.NewRunner(queue.Add)
	process.ForwardLogs(queue.Log)
	ended := make(chan error, 2)
	go func() { ended <- write(replies, queue, wake) }()
	go func() { ended <- read(requests, runner, queue) }()
	if err := <-ended; err != nil {
		fmt.Fprintln(process.Stderr, err)
		return 1
	}
	return 0
}

// read never waits for replies to be taken: whoever writes requests may only then get round to reading.
func read(requests io.Reader, runner *operations.Runner, queue *operations.Queue) error {
	buffered := bufio.NewReaderSize(requests, 1<<16)
	for {
		var head [24]byte
		if _, err := io.ReadFull(buffered, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		size, id := binary.NativeEndian.Uint64(head[0:]), binary.NativeEndian.Uint64(head[8:])
		if size > largestBody {
			return bufio.ErrTooLong
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(buffered, body); err != nil {
			return err
		}
		switch binary.NativeEndian.Uint64(head[16:]) {
		case submit:
			runner.Submit(id, body)
		case call:
			queue.Add(operations.Reply{ID: id, Answer: runner.Call(body)})
		case cancel:
			runner.Cancel(id)
		case directory:
			_ = os.Chdir(string(body)) // gone, or not to be entered: then no relative name can be found in Python either
		}
	}
}

func write(replies io.Writer, queue *operations.Queue, wake <-chan struct{}) error {
	buffered := bufio.NewWriterSize(replies, 1<<16)
	if err := binary.Write(buffered, binary.NativeEndian, uint64(operations.BoundaryVersion)); err != nil {
		return err
	}
	for {
		for {
			reply, found := queue.Take()
			if !found {
				break
			}
			laidOut := make([]byte, reply.Size())
			reply.Put(laidOut)
			if _, err := buffered.Write(laidOut); err != nil {
				return err
			}
		}
		if err := buffered.Flush(); err != nil {
			return err
		}
		if err := operations.Poisoned(); err != nil {
			return err
		}
		<-wake
	}
}
