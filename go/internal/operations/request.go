// What every request has in common; the rest is its operation's own.

package operations

import (
	"bytes"
	"encoding/json"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// common is embedded in every operation's request.
type common struct {
	Operation string  `json:"operation"`
	Session   uint64  `json:"session"`
	Timeout   float64 `json:"timeout"` // seconds for the whole operation; 0 means none
	Observe   bool    `json:"observe"` // tell of the operation's exchanges with registries, as replies of operation 0
}

func (c common) session() uint64 { return c.Session }

// decode refuses fields that it does not know: a package and a library that differ must not half understand each other.
func decode(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return unreadable(err)
	}
	return nil
}

func unreadable(err error) error {
	return &failure.Error{Code: failure.CodeBackend, Message: "the library cannot read its request: " + err.Error()}
}
