package main

// A distance: bytes arrive after a delay, in both directions, at any rate. A connection costs a round trip before its
// first bytes can leave, as in a real network, although the kernel's own handshake with the relay costs nothing.
//
// One thread sends everything when it is due: Go's timers may be late by a millisecond, which in a round trip of twenty
// would be a tenth.

import (
	"container/heap"
	"flag"
	"io"
	"net"
	"runtime"
	"syscall"
	"time"
)

// sleepAtMost bounds a sleep, because something that is due earlier may come meanwhile.
const sleepAtMost = time.Millisecond

// segment is what one side sent, or with no data the end of it.
type segment struct {
	due  time.Time
	to   *net.TCPConn
	data []byte
}

type bySoonest []segment

func (s bySoonest) Len() int           { return len(s) }
func (s bySoonest) Less(i, j int) bool { return s[i].due.Before(s[j].due) }
func (s bySoonest) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *bySoonest) Push(each any)     { *s = append(*s, each.(segment)) }
func (s *bySoonest) Pop() any {
	last := len(*s) - 1
	each := (*s)[last]
	*s = (*s)[:last]
	return each
}

func relay(args []string) error {
	flags := flag.NewFlagSet("relay", flag.ContinueOnError)
	target := flags.String("target", "", "where to relay to")
	delay := flags.Duration("delay", 10*time.Millisecond, "in each direction")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	segments := make(chan segment, 4096)
	go send(segments)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go connect(client.(*net.TCPConn), *target, *delay, segments)
		}
	}()
	return announce(map[string]string{"address": listener.Addr().String()})
}

func connect(client *net.TCPConn, target string, delay time.Duration, segments chan<- segment) {
	connected := time.Now().Add(2 * delay)
	dialled, err := net.Dial("tcp", target)
	if err != nil {
		_ = client.Close()
		return
	}
	server := dialled.(*net.TCPConn)
	go receive(client, server, delay, connected, segments)
	receive(server, client, delay, connected, segments)
}

// receive passes on what from sends; connected is when from's side has its connection.
func receive(from, to *net.TCPConn, delay time.Duration, connected time.Time, segments chan<- segment) {
	for {
		data := make([]byte, 16<<10)
		size, err := from.Read(data)
		due := time.Now()
		if due.Before(connected) {
			due = connected
		}
		if size > 0 {
			segments <- segment{due.Add(delay), to, data[:size]}
		}
		if err != nil {
			segments <- segment{due.Add(delay), to, nil}
			if err != io.EOF {
				_ = from.Close()
			}
			return
		}
	}
}

// send sends every segment when it is due.
func send(segments <-chan segment) {
	runtime.LockOSThread()
	waiting := &bySoonest{}
	for {
		if waiting.Len() == 0 {
			heap.Push(waiting, <-segments)
		}
		for more := true; more; {
			select {
			case each := <-segments:
				heap.Push(waiting, each)
			default:
				more = false
			}
		}
		if wait := time.Until((*waiting)[0].due); wait > 0 {
			pause := syscall.NsecToTimespec(int64(min(wait, sleepAtMost)))
			_ = syscall.Nanosleep(&pause, nil)
			continue
		}
		next := heap.Pop(waiting).(segment)
		if next.data == nil {
			_ = next.to.CloseWrite()
		} else if _, err := next.to.Write(next.data); err != nil {
			_ = next.to.Close()
		}
	}
}
