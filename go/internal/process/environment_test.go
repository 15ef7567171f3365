// Go's environment is the client's while its operations run, and never C's.

package process

import (
	"context"
	"os"
	"testing"
	"time"
)

func TestOperationsOfOneEnvironmentRunTogetherAndOfAnotherWait(t *testing.T) {
	gate := &environmentGate{}
	one, other := NewEnvironment(map[string]string{"HOME": "/one"}), NewEnvironment(map[string]string{"HOME": "/other"})
	leaveFirst, err := gate.enter(context.Background(), one)
	if err != nil {
		t.Fatal(err)
	}
	leaveSecond, err := gate.enter(context.Background(), NewEnvironment(map[string]string{"HOME": "/one"}))
	if err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := gate.enter(impatient, other); err == nil {
		t.Fatal("another environment was let in")
	}
	leaveFirst()
	leaveSecond()
	leave, err := gate.enter(context.Background(), other)
	if err != nil || os.Getenv("HOME") != "/other" {
		t.Fatalf("%v, HOME=%s", err, os.Getenv("HOME"))
	}
	leave()
}

func TestALaterArrivalOfTheCurrentEnvironmentDoesNotOvertake(t *testing.T) {
	gate := &environmentGate{}
	one, other := NewEnvironment(map[string]string{"A": "1"}), NewEnvironment(map[string]string{"A": "2"})
	leaveFirst, _ := gate.enter(context.Background(), one)
	order := make(chan string, 2)
	go func() {
		leave, _ := gate.enter(context.Background(), other)
		order <- os.Getenv("A")
		leave()
	}()
	for {
		gate.mutex.Lock()
		waiting := len(gate.waiting)
		gate.mutex.Unlock()
		if waiting == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	go func() {
		leave, _ := gate.enter(context.Background(), one)
		order <- os.Getenv("A")
		leave()
	}()
	leaveFirst()
	if first := <-order; first != "2" {
		t.Errorf("the environment %s overtook", first)
	}
	<-order
}
