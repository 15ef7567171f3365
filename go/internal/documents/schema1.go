// What only schema 1 manifests need: their digest, which covers a part of them, and their history, which is JSON within
// JSON.

package documents

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/containers/libtrust"
	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/manifest"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// payloadDigest is the digest of what a signed manifest's signatures cover (manifest.Digest, which MatchesDigest compares).
func payloadDigest(body []byte) (found digest.Digest, err error) {
	defer RefuseUnreadableSignatures(&err)
	if looksSigned(body) {
		if err := checkSignedPayload(body); err != nil {
			return "", unreadableSignatures(err)
		}
	}
	found, err = manifest.Digest(body)
	if err != nil {
		return "", unreadableSignatures(err)
	}
	return found, nil
}

// ManifestDigest is the digest that a manifest goes by: of its bytes, but for schema 1.
func ManifestDigest(body []byte, mediaType string) (string, error) {
	if !IsSchema1(mediaType) {
		return digest.FromBytes(body).String(), nil
	}
	payload, err := payloadDigest(body)
	if err != nil {
		return "", err
	}
	return payload.String(), nil
}

// looksSigned is the condition of manifest.Digest and Schema1FromManifest, whatever the manifest is served as.
func looksSigned(body []byte) bool {
	return manifest.GuessMIMEType(body) == manifest.DockerV2Schema1SignedMediaType
}

// checkSignedPayload refuses a manifest that says anything else than what its signatures cover, which is what its digest is
// of. It is Schema1SignedManifestPayload (internal/manifest/manifest.go), which is not exported, with the strict rule
// for both: neither backend then depends on how one of two equal keys wins.
func checkSignedPayload(body []byte) (err error) {
	defer RefuseUnreadableSignatures(&err)
	if err := CheckJSON(body, "the manifest", reflect.TypeFor[signedManifest]()); err != nil {
		return err
	}
	signatures, err := libtrust.ParsePrettySignature(body, "signatures")
	if err != nil {
		return err
	}
	payload, err := signatures.Payload()
	if err != nil {
		return err
	}
	if err := CheckJSON(payload, "what the signatures cover"); err != nil {
		return err
	}
	var served, covered map[string]any
	if err := errors.Join(json.Unmarshal(body, &served), json.Unmarshal(payload, &covered)); err != nil {
		return err
	}
	delete(served, "signatures")
	if !reflect.DeepEqual(served, covered) {
		return errors.New("they cover another manifest")
	}
	return nil
}

// signedManifest has the fields that libtrust reads of a manifest (jsonsign.go jsParsedSignature), all of which both twins
// hold to the strict rule.
type signedManifest struct {
	Signatures []struct {
		Header struct {
			JWK       json.RawMessage `json:"jwk"`
			Algorithm string          `json:"alg"`
			Chain     []string        `json:"x5c"`
		} `json:"header"`
		Signature string `json:"signature"`
		Protected string `json:"protected"`
	} `json:"signatures"`
}

// RefuseUnreadableSignatures turns libtrust's panics into errors: ParsePrettySignature slices the manifest by a length
// that the registry sent, which may be negative (jsonsign.go), and so do a key's parameters (parseRSAPublicExponentParam).
// Any other panic goes on.
func RefuseUnreadableSignatures(err *error) {
	cause := recover()
	if cause == nil {
		return
	}
	if !strings.Contains(string(debug.Stack()), "libtrust.ParsePrettySignature") {
		panic(cause)
	}
	*err = unreadableSignatures(cause)
}

func unreadableSignatures(cause any) error {
	return &failure.Error{Code: failure.CodeDigestMismatch, Message: fmt.Sprintf("the manifest's signatures do not say what they cover: %v", cause)}
}

// checkHistory holds the JSON texts in a manifest's history to the manifest's own rules.
func checkHistory(body []byte) error {
	parsed := manifest.Schema1{}
	if err := json.Unmarshal(body, &parsed); err != nil || len(parsed.History) != len(parsed.FSLayers) {
		return nil // which upstream's parser says
	}
	for _, entry := range parsed.History {
		text := []byte(entry.V1Compatibility)
		into := manifest.Schema1V1Compatibility{}
		if err := CheckJSON(text, "the manifest's history", reflect.TypeOf(into)); err != nil {
			return err
		}
		if err := json.Unmarshal(text, &into); err != nil {
			return &failure.Error{Code: failure.CodeManifest, Message: "the manifest's history cannot be parsed: " + err.Error()}
		}
	}
	return nil
}
