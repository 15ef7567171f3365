// The C exports: bytes in, bytes out, and no panic past them.
//
// Nothing is decided here; see operations.go for what runs and pycoco.h for the layout of a reply.

package main

/*
#include <stdlib.h>
#include <string.h>
#include "pycoco.h"
*/
import "C"

import (
	"encoding/binary"
	"runtime/debug"
	"unsafe"
)

// abiVersion must equal ABI_VERSION in pycoco/backends/go/library.py.
const abiVersion = 2

func main() {}

//export pycoco_abi_version
func pycoco_abi_version() C.int32_t { return abiVersion }

//export pycoco_call
func pycoco_call(request *C.uint8_t, length C.size_t) (reply *C.uint8_t) {
	defer func() {
		if cause := recover(); cause != nil {
			reply = encode(0, failed(operations.poison(panicked(cause, debug.Stack()))))
		}
	}()
	return encode(0, operations.call(copyIn(request, length)))
}

//export pycoco_submit
func pycoco_submit(operation C.uint64_t, request *C.uint8_t, length C.size_t) {
	defer func() {
		if cause := recover(); cause != nil {
			operations.reject(uint64(operation), failed(operations.poison(panicked(cause, debug.Stack()))))
		}
	}()
	operations.submit(uint64(operation), copyIn(request, length))
}

//export pycoco_cancel
func pycoco_cancel(operation C.uint64_t) {
	defer poisonOnPanic()
	operations.cancel(uint64(operation))
}

//export pycoco_completion_descriptor
func pycoco_completion_descriptor() (descriptor C.int32_t) {
	descriptor = -1
	defer poisonOnPanic()
	return C.int32_t(operations.descriptor())
}

//export pycoco_complete
func pycoco_complete() (reply *C.uint8_t) {
	defer poisonOnPanic()
	finished, ok := operations.complete()
	if !ok {
		return nil
	}
	return encode(finished.id, finished.answer)
}

//export pycoco_free
func pycoco_free(reply *C.uint8_t) { C.free(unsafe.Pointer(reply)) }

// copyIn copies: the request is Python's memory, and an operation outlives the call that submitted it.
func copyIn(request *C.uint8_t, length C.size_t) []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(request)), int(length))...)
}

// encode lays a reply out in C memory, as pycoco.h describes it.
func encode(id uint64, answer answer) *C.uint8_t {
	sections := append([][]byte{answer.header}, answer.parts...)
	size := 8
	for _, section := range sections {
		size += 8 + len(section)
	}
	memory := C.malloc(C.size_t(8 + size)) // never NULL: cgo aborts on exhaustion, as Go itself does
	reply := unsafe.Slice((*byte)(memory), 8+size)
	binary.NativeEndian.PutUint64(reply[0:], uint64(size))
	binary.NativeEndian.PutUint64(reply[8:], id)
	at := 16
	for _, section := range sections {
		binary.NativeEndian.PutUint64(reply[at:], uint64(len(section)))
		at += 8 + copy(reply[at+8:], section)
	}
	return (*C.uint8_t)(memory)
}
