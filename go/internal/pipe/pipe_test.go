// What goes through the pipe, byte by byte; that operations work behind it is for Python's tests to see.

package pipe

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/pycoco/pycoco/go/internal/operations"
)

func frame(verb, id uint64, body string) string {
	head := binary.NativeEndian.AppendUint64(nil, uint64(len(body)))
	head = binary.NativeEndian.AppendUint64(head, id)
	return string(binary.NativeEndian.AppendUint64(head, verb)) + body
}

// number reads eight bytes.
func number(t *testing.T, from io.Reader) uint64 {
	t.Helper()
	var read [8]byte
	if _, err := io.ReadFull(from, read[:]); err != nil {
		t.Fatal(err)
	}
	return binary.NativeEndian.Uint64(read[:])
}

func TestTheVersionComesFirstAndCallsAreAnsweredInOrder(t *testing.T) {
	requests, write := io.Pipe()
	read, replies := io.Pipe()
	status := make(chan int)
	go func() { status <- Serve(requests, replies) }()
	if version := number(t, read); version != operations.BoundaryVersion {
		t.Fatal(version)
	}
	sent := frame(call, 7, `{"operation": "versions"}`) + frame(call, 8, `{"operation": "nonsense"}`) + frame(99, 9, "")
	go func() { _, _ = io.WriteString(write, sent) }()
	for _, expected := range []struct {
		id   uint64
		text string
	}{{7, `"containers/image"`}, {8, "no operation nonsense"}} {
		reply := make([]byte, number(t, read))
		if _, err := io.ReadFull(read, reply); err != nil {
			t.Fatal(err)
		}
		if id := binary.NativeEndian.Uint64(reply); id != expected.id || !bytes.Contains(reply, []byte(expected.text)) {
			t.Fatalf("%d %q", id, reply)
		}
	}
	_ = write.Close()
	if got := <-status; got != 0 {
		t.Fatal(got)
	}
}

func TestTornAndHugeFramesEndTheProgram(t *testing.T) {
	huge := string(binary.NativeEndian.AppendUint64(nil, largestBody+1)) + strings.Repeat("\x00", 16)
	for _, sent := range []string{"torn", frame(call, 1, "{}")[:25], huge} {
		if got := Serve(strings.NewReader(sent), io.Discard); got != 1 {
			t.Errorf("%q: %d", sent[:4], got)
		}
	}
	if got := Serve(strings.NewReader(""), io.Discard); got != 0 {
		t.Error(got)
	}
}
