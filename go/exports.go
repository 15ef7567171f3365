// The C exports: bytes in, bytes out, and no panic past them.
//
// The library is package main and this file alone imports "C", so that a program without C can have the rest. Nothing is
// decided here: see internal/operations for what runs, pycoco.h for the layout of a reply.

package main

/*
#include <stdlib.h>
#include <string.h>
#include "pycoco.h"
*/
import "C"

import (
	"os"
	"unsafe"

	"github.com/pycoco/pycoco/go/internal/operations"
	"github.com/pycoco/pycoco/go/internal/pipe"
)

func main() {}

//export pycoco_abi_version
func pycoco_abi_version() C.int32_t { return operations.BoundaryVersion }

//export pycoco_call
func pycoco_call(request *C.uint8_t, length C.size_t) (reply *C.uint8_t) {
	defer func() {
		if cause := recover(); cause != nil {
			reply = inC(operations.Reply{Answer: operations.Panicked(cause)})
		}
	}()
	return inC(operations.Reply{Answer: runner.Call(copyIn(request, length))})
}

//export pycoco_submit
func pycoco_submit(operation C.uint64_t, request *C.uint8_t, length C.size_t) {
	defer func() {
		if cause := recover(); cause != nil {
			runner.Reject(uint64(operation), operations.Panicked(cause))
		}
	}()
	runner.Submit(uint64(operation), copyIn(request, length))
}

//export pycoco_cancel
func pycoco_cancel(operation C.uint64_t) {
	defer operations.PoisonOnPanic()
	runner.Cancel(uint64(operation))
}

//export pycoco_completion_descriptor
func pycoco_completion_descriptor() (descriptor C.int32_t) {
	descriptor = -1
	defer operations.PoisonOnPanic()
	return C.int32_t(finished.descriptor())
}

//export pycoco_complete
func pycoco_complete() (reply *C.uint8_t) {
	defer operations.PoisonOnPanic()
	next, ok := completions.Take()
	if !ok {
		return nil
	}
	return inC(next)
}

//export pycoco_free
func pycoco_free(reply *C.uint8_t) { C.free(unsafe.Pointer(reply)) }

//export pycoco_serve
func pycoco_serve(requests, replies C.int32_t) {
	in, out := os.NewFile(uintptr(requests), "requests"), os.NewFile(uintptr(replies), "replies")
	os.Exit(pipe.Serve(in, out)) // without what the process would do at its end: whoever wanted it is gone
}

// copyIn copies: the request is Python's memory, and an operation outlives the call that submitted it.
func copyIn(request *C.uint8_t, length C.size_t) []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(request)), int(length))...)
}

// inC lays a reply out in C memory.
func inC(reply operations.Reply) *C.uint8_t {
	size := reply.Size()
	memory := C.malloc(C.size_t(size)) // never NULL: cgo aborts on exhaustion, as Go itself does
	reply.Put(unsafe.Slice((*byte)(memory), size))
	return (*C.uint8_t)(memory)
}
