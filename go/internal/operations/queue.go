// Replies and log records on their way to whoever asked, until they are taken.
//
// Log records and exchanges are replies of operation 0. They are bounded: what finds too many replies waiting is dropped, and counted
// in a record of its own once there is room.

package operations

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/pycoco/pycoco/go/internal/process"
)

// BoundaryVersion is that of requests and replies. It must equal ABI_VERSION in pycoco/backends/go/boundary.py.
const BoundaryVersion = 4

// Answer is what one request comes to: a header in JSON and raw parts.
type Answer struct {
	Header []byte
	Parts  [][]byte
}

// Reply is an answer under the id of its operation.
type Reply struct {
	ID uint64
	Answer
}

// Size is how many bytes Put writes.
func (r Reply) Size() int {
	size := 8 + 8 + 8 + len(r.Header)
	for _, part := range r.Parts {
		size += 8 + len(part)
	}
	return size
}

// Put lays a reply out as pycoco.h describes it.
func (r Reply) Put(into []byte) {
	binary.NativeEndian.PutUint64(into[0:], uint64(len(into)-8))
	binary.NativeEndian.PutUint64(into[8:], r.ID)
	at := 16
	for _, section := range append([][]byte{r.Header}, r.Parts...) {
		binary.NativeEndian.PutUint64(into[at:], uint64(len(section)))
		at += 8 + copy(into[at+8:], section)
	}
}

// pendingLogs bounds how many replies may wait before log records are dropped.
const pendingLogs = 10_000

// Queue keeps replies in order. Wake, which must not block, is called when something is there to be taken, and not
// again before Take has found nothing.
type Queue struct {
	Wake func()

	mutex       sync.Mutex
	waiting     []Reply
	woken       bool
	droppedLogs int
}

// Add queues a reply.
func (q *Queue) Add(reply Reply) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.add(reply)
}

// Log queues a log record.
func (q *Queue) Log(level, message string) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.waiting) >= pendingLogs {
		q.droppedLogs++
		return
	}
	if q.droppedLogs > 0 {
		q.add(logRecord(logrus.WarnLevel.String(), fmt.Sprintf("%d log records were dropped", q.droppedLogs)))
		q.droppedLogs = 0
	}
	q.add(logRecord(level, message))
}

func logRecord(level, message string) Reply {
	header, _ := json.Marshal(map[string]map[string]string{"log": {"level": level, "message": message}})
	return Reply{Answer: Answer{Header: header}}
}

// exchangeRecord tells of an exchange that an operation had.
func exchangeRecord(id uint64, seen process.Exchange) Reply {
	header, _ := json.Marshal(map[string]any{"operation": id, "exchange": seen})
	return Reply{Answer: Answer{Header: header}}
}

func (q *Queue) add(reply Reply) {
	q.waiting = append(q.waiting, reply)
	if !q.woken && q.Wake != nil {
		q.woken = true
		q.Wake()
	}
}

// Take takes the oldest reply. Whoever was woken takes everything that is here: an empty queue is the moment at which
// it wants to be woken again.
func (q *Queue) Take() (Reply, bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.waiting) == 0 {
		q.woken = false
		q.waiting = nil
		return Reply{}, false
	}
	next := q.waiting[0]
	q.waiting[0] = Reply{}
	q.waiting = q.waiting[1:]
	return next, true
}
