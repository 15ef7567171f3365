// containers/image's log lines, handed to whoever asks for them instead of written to stderr.

package process

import (
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// ForwardLogs hands every log line to take from now on, as a level's name and one line without secrets.
func ForwardLogs(take func(level, message string)) {
	logrus.AddHook(forwardingHook{take, &warningBudget{}})
}

// SetLogLevel lets only lines of the level, or of a graver one, be made at all.
func SetLogLevel(name string) error {
	level, err := logrus.ParseLevel(name)
	if err == nil {
		logrus.SetLevel(level)
	}
	return err
}

type forwardingHook struct {
	take     func(level, message string)
	warnings *warningBudget
}

func (forwardingHook) Levels() []logrus.Level { return logrus.AllLevels }

func (f forwardingHook) Fire(entry *logrus.Entry) error {
	if registryWarning.MatchString(entry.Message) && !f.warnings.allow(f.take) {
		return nil
	}
	f.take(entry.Level.String(), failure.OneSentence(entry.Message)) // debug lines name URLs
	return nil
}

// registryWarning begins what containers/image logs of each Warning header of each answer, as many as a registry sends
// (docker/docker_client.go logResponseWarnings).
var registryWarning = regexp.MustCompile(`^(?:Warning from registry|Repeated warning from registry|Ignored Warning: header)`)

// warningsASecond is less than half of what pycoco/backends/go/log_records.py lets through, so that what is said of those
// left out is not left out too.
const warningsASecond = 8

// warningBudget bounds how many warnings of registries are logged in a second.
type warningBudget struct {
	mutex   sync.Mutex
	second  time.Time
	made    int
	leftOut int
}

// allow counts a warning, and has those that are too many told of together, a second later.
func (b *warningBudget) allow(take func(level, message string)) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if now := time.Now(); now.Sub(b.second) >= time.Second {
		b.second, b.made = now, 0
	}
	if b.made++; b.made <= warningsASecond {
		return true
	}
	if b.leftOut++; b.leftOut == 1 {
		time.AfterFunc(time.Second, func() {
			b.mutex.Lock()
			leftOut := b.leftOut
			b.leftOut = 0
			b.mutex.Unlock()
			take(logrus.WarnLevel.String(), fmt.Sprintf("%d more warnings of registries are left out", leftOut))
		})
	}
	return false
}

// Stderr is the process's own standard error, for a program's last words.
var Stderr = os.Stderr

func init() {
	logrus.SetOutput(io.Discard)
	// What docker-credential-helpers gives to the helpers that it runs. The runtime's own words, of a panic, go past it.
	if nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = nowhere
	}
	logrus.SetLevel(logrus.InfoLevel)
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
