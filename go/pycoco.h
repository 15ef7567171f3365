/* The boundary between Python and the Go library: every function it exports, and the layout of what crosses.
 *
 * It is the one source of that boundary: build.py gives the part between the two "cffi:" lines to cffi, cgo compiles
 * the same declarations against the Go exports, and a test compares them with the library's symbols.
 *
 * A request is one JSON object in UTF-8: {"operation": NAME, ...}. A reply is owned by the library until it is given
 * to pycoco_free. It is length-prefixed because manifests are bytes, not C strings:
 *
 *     uint64 size                      bytes that follow
 *     uint64 operation id              0 for pycoco_call and for log records
 *     uint64 length, bytes             the header: {"result": ...} or {"error": ...} or {"log": ...}
 *     uint64 length, bytes             ... and any number of raw parts (manifests, a config)
 *
 * Integers are in the machine's own byte order. All functions may be called from any thread. Requests are only read;
 * they are not const because cgo cannot export const.
 */
#ifndef PYCOCO_H
#define PYCOCO_H

#include <stddef.h>
#include <stdint.h>

/* cffi: begin */

/* The version of this boundary. The package refuses a library with another one. */
int32_t pycoco_abi_version(void);

/* Answers a request on the caller's thread: for those that wait for nothing. Never NULL. */
uint8_t *pycoco_call(uint8_t *request, size_t length);

/* Starts a request and returns at once. The caller chooses the id, never 0 and never twice: so it knows what to cancel
 * whatever interrupts it. What becomes of the operation is told by pycoco_complete, once. */
void pycoco_submit(uint64_t operation, uint8_t *request, size_t length);

/* Cancels the operation, network work included. Its reply still comes, once and soon. Unknown ids are ignored. */
void pycoco_cancel(uint64_t operation);

/* The read end of a pipe on which one byte or more is waiting whenever pycoco_complete has something. -1: none. */
int32_t pycoco_completion_descriptor(void);

/* The next finished reply or log record, or NULL when there is none just now. */
uint8_t *pycoco_complete(void);

/* Gives a reply back. NULL is allowed. */
void pycoco_free(uint8_t *reply);

/* Answers what comes through a pipe until that ends, and then ends the process: for one that does nothing else. See
 * internal/pipe. Never returns. */
void pycoco_serve(int32_t requests, int32_t replies);

/* cffi: end */

#endif
