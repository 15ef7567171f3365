// containers/image's log lines, handed to Python instead of written to stderr.
//
// They travel as completions of operation 0. The queue is bounded: what finds it full is dropped, and counted in a
// record of its own once there is room.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"

	"github.com/sirupsen/logrus"
)

type logRecord struct {
	Level   string `json:"level"`
	Message string `json:"message"`
}

// pendingLogs bounds how many finished replies may wait before log records are dropped.
const pendingLogs = 10_000

type forwardingHook struct{}

func (forwardingHook) Levels() []logrus.Level { return logrus.AllLevels }

func (forwardingHook) Fire(entry *logrus.Entry) error {
	record, err := encodeLog(entry.Level, entry.Message)
	if err == nil {
		operations.log(record)
	}
	return err
}

func encodeLog(level logrus.Level, message string) (answer, error) {
	header, err := json.Marshal(map[string]logRecord{"log": {level.String(), oneLine(message)}})
	return answer{header: header}, err
}

func init() {
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.InfoLevel)
	logrus.AddHook(forwardingHook{})
	// net/http complains of odd servers through the standard library's logger.
	log.SetFlags(0)
	log.SetOutput(standardLog{})
}

// standardLog takes the standard library's lines; they concern a connection, not an image.
type standardLog struct{}

func (standardLog) Write(line []byte) (int, error) {
	logrus.Debug(string(line))
	return len(line), nil
}

// log queues a record beside the finished replies.
func (t *table) log(record answer) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if len(t.finished) >= pendingLogs {
		t.droppedLogs++
		return
	}
	if t.droppedLogs > 0 {
		if lost, err := encodeLog(logrus.WarnLevel, fmt.Sprintf("%d log records were dropped", t.droppedLogs)); err == nil {
			t.finished = append(t.finished, completion{0, lost})
		}
		t.droppedLogs = 0
	}
	t.finished = append(t.finished, completion{0, record})
	t.signal()
}

// oneLine also redacts: debug lines name URLs.
func oneLine(text string) string { return oneSentence(text) }

func setLogLevel(_ context.Context, request *request) (any, [][]byte, error) {
	level, err := logrus.ParseLevel(request.LogLevel)
	if err != nil {
		return nil, nil, &failure{Code: codeBackend, Message: err.Error()}
	}
	logrus.SetLevel(level)
	return map[string]any{}, nil, nil
}
