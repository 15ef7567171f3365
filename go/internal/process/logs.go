// containers/image's log lines, handed to whoever asks for them instead of written to stderr.

package process

import (
	"io"
	"log"

	"github.com/sirupsen/logrus"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// ForwardLogs hands every log line to take from now on, as a level's name and one line without secrets.
func ForwardLogs(take func(level, message string)) {
	logrus.AddHook(forwardingHook{take})
}

// SetLogLevel lets only lines of the level, or of a graver one, be made at all.
func SetLogLevel(name string) error {
	level, err := logrus.ParseLevel(name)
	if err == nil {
		logrus.SetLevel(level)
	}
	return err
}

type forwardingHook struct{ take func(level, message string) }

func (forwardingHook) Levels() []logrus.Level { return logrus.AllLevels }

func (f forwardingHook) Fire(entry *logrus.Entry) error {
	f.take(entry.Level.String(), failure.OneSentence(entry.Message)) // debug lines name URLs
	return nil
}

func init() {
	logrus.SetOutput(io.Discard)
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
