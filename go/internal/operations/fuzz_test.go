// What no input may do to a pure operation: panic, answer twice differently, fail without a class, or say what is unfit to be
// printed. `go test -fuzz` looks for such input, guided by coverage; what it keeps is also put to the Python twin, by
// tests/fuzz/go_inputs.py. It is not for what the answers are.

package operations

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// holds asks a fuzzed request and fails where the answer is none that anybody may be given.
func holds(t *testing.T, fields map[string]any) {
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	runner, _, _ := newRunner()
	first := runner.Call(body)
	if poison := poisoned.Load(); poison != nil {
		t.Fatal(poison.Message)
	}
	if again := runner.Call(body); !bytes.Equal(again.Header, first.Header) {
		t.Fatalf("first %s, then %s", first.Header, again.Header)
	}
	var header struct {
		Result json.RawMessage
		Error  *failure.Error
	}
	if err := json.Unmarshal(first.Header, &header); err != nil {
		t.Fatalf("%v: %s", err, first.Header)
	}
	if header.Error == nil {
		return
	}
	message := header.Error.Message
	if header.Error.Code == failure.CodeBackend || message == "" || len(message) > 8*2000 || !utf8.ValidString(message) {
		t.Fatalf("an error of the code %s: %q", header.Error.Code, message)
	}
}

// seeds gives the fields of the saved requests of one operation.
func seeds(f *testing.F, operation string, add func(fields map[string]any)) {
	for _, fields := range savedRequests(f) {
		if fields["operation"] == operation {
			add(fields)
		}
	}
}

func inBase64(f *testing.F, value any) []byte {
	quoted, err := json.Marshal(value)
	if err != nil {
		f.Fatal(err)
	}
	var content []byte
	if err := json.Unmarshal(quoted, &content); err != nil {
		f.Fatal(err)
	}
	return content
}

func FuzzParseReference(f *testing.F) {
	seeds(f, "parse_reference", func(fields map[string]any) { f.Add(fields["reference"].(string)) })
	f.Fuzz(func(t *testing.T, reference string) {
		holds(t, map[string]any{"operation": "parse_reference", "reference": reference})
	})
}

func FuzzParseChallenges(f *testing.F) {
	seeds(f, "parse_challenges", func(fields map[string]any) {
		lines := []string{}
		for _, line := range fields["lines"].([]any) {
			lines = append(lines, line.(string))
		}
		f.Add(strings.Join(lines, "\n"))
	})
	f.Fuzz(func(t *testing.T, lines string) {
		holds(t, map[string]any{"operation": "parse_challenges", "lines": strings.Split(lines, "\n")})
	})
}

func FuzzCheckManifest(f *testing.F) {
	seeds(f, "check_manifest", func(fields map[string]any) {
		f.Add(inBase64(f, fields["manifest"]), fields["content_type"].(string), fields["digest"].(string))
	})
	f.Fuzz(func(t *testing.T, manifest []byte, contentType, digest string) {
		holds(t, map[string]any{
			"operation": "check_manifest", "manifest": manifest, "content_type": contentType, "digest": digest, "schema1": true,
		})
	})
}

func FuzzCheckConfig(f *testing.F) {
	seeds(f, "check_config", func(fields map[string]any) { f.Add(inBase64(f, fields["config"])) })
	f.Fuzz(func(t *testing.T, config []byte) {
		holds(t, map[string]any{"operation": "check_config", "config": config})
	})
}

func FuzzChooseInstance(f *testing.F) {
	seeds(f, "choose_instance", func(fields map[string]any) {
		platform := fields["platforms"].([]any)[0].(map[string]any)
		text := func(name string) string { found, _ := platform[name].(string); return found }
		f.Add(inBase64(f, fields["manifest"]), fields["content_type"].(string), text("os"), text("architecture"), text("variant"))
	})
	f.Fuzz(func(t *testing.T, index []byte, contentType, system, architecture, variant string) {
		holds(t, map[string]any{
			"operation": "choose_instance", "manifest": index, "content_type": contentType,
			"platforms": []map[string]string{{"os": system, "architecture": architecture, "variant": variant}},
		})
	})
}
