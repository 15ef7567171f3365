// The JSON that Python sends: one shape for every operation, each reading the fields it knows.

package main

import (
	"bytes"
	"encoding/json"
)

type request struct {
	Operation string  `json:"operation"`
	Session   uint64  `json:"session"`
	Timeout   float64 `json:"timeout"` // seconds for the whole operation; 0 means none

	Settings *settings `json:"settings"`
	LogLevel string    `json:"log_level"`

	Reference   string              `json:"reference"`
	Platform    *requestedPlatform  `json:"platform"`
	Platforms   []requestedPlatform `json:"platforms"`
	Manifest    []byte              `json:"manifest"` // base64
	Config      []byte              `json:"config"`   // base64
	ContentType string              `json:"content_type"`
	Digest      string              `json:"digest"`
	Schema1     bool                `json:"schema1"`
	Lines       []string            `json:"lines"`
}

// requestedPlatform names what to choose; an empty field means what the machine itself has.
type requestedPlatform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

// settings are a client's, as pycoco/backends/contract.py describes them.
type settings struct {
	Platform          requestedPlatform `json:"platform"`
	RegistriesConf    string            `json:"registries_conf"`
	RegistriesConfDir string            `json:"registries_conf_dir"`
	AuthFile          string            `json:"auth_file"`
	Creds             *[2]string        `json:"creds"`
	IdentityToken     string            `json:"identity_token"`
	RegistryToken     string            `json:"registry_token"`
	CertDir           string            `json:"cert_dir"`
	TLSVerify         *bool             `json:"tls_verify"`
	ShortNames        string            `json:"short_names"`
	Policy            *string           `json:"policy"`
	Store             string            `json:"store"`
	Schema1           bool              `json:"schema1"`
	NestedIndexes     int               `json:"nested_indexes"`
	Retries           int               `json:"retries"`
	UserAgent         string            `json:"user_agent"`
	Environ           map[string]string `json:"environ"`
}

// decodeRequest refuses what it does not know: a package and a library that differ must not half understand each other.
func decodeRequest(body []byte) (*request, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	decoded := &request{}
	if err := decoder.Decode(decoded); err != nil {
		return nil, &failure{Code: codeBackend, Message: "the library cannot read its request: " + err.Error()}
	}
	return decoded, nil
}
