// policy.json, evaluated on bytes that the caller has: nothing is fetched.
//
// containers/image has no source in memory that gives signatures of every kind, since their types are internal to it. Its
// dir: transport reads them from files in the form in which they are stored, so they lie in a directory for as long as
// they are judged; the reference and the manifest are the caller's.

package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/directory"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/failure"
)

// judgedImage is an image of which only the signatures come from a source. What is embedded makes it the internal
// private.UnparsedImage that signatures of every kind are asked of (internal/unparsedimage FromPublic).
type judgedImage struct {
	*image.UnparsedImage
	reference types.ImageReference
	manifest  []byte
}

func (j *judgedImage) Reference() types.ImageReference { return j.reference }

func (j *judgedImage) Manifest(context.Context) ([]byte, string, error) {
	return j.manifest, manifest.GuessMIMEType(j.manifest), nil
}

// EvaluatePolicy returns the words for the part of a policy that allowed an image. The signatures are in the form in
// which they are stored.
func EvaluatePolicy(ctx context.Context, document []byte, text string, body []byte, signatures [][]byte) (string, error) {
	policy, err := signature.NewPolicyFromBytes(document)
	if err != nil {
		return "", policyFailure("", err)
	}
	ref, err := judgedReference(text)
	if err != nil {
		return "", err
	}
	applied := applicable(policy, ref)
	if err := applied.requireKeys(); err != nil {
		return "", err
	}
	if len(signatures) == 0 || !applied.needsSignatures() {
		return evaluate(ctx, applied.String(), policy, &judgedImage{image.UnparsedInstance(unsigned{reference: ref}, nil), ref, body})
	}
	return evaluateStored(ctx, applied.String(), policy, ref, body, signatures)
}

// evaluateStored judges an image with signatures that lie in a directory for so long.
func evaluateStored(
	ctx context.Context, applied string, policy *signature.Policy, ref types.ImageReference, body []byte, signatures [][]byte,
) (string, error) {
	where, err := os.MkdirTemp("", "pycoco-policy-")
	if err != nil {
		return "", fmt.Errorf("making a directory for signatures: %w", err)
	}
	defer func() { _ = os.RemoveAll(where) }()
	for number, blob := range signatures {
		if err := os.WriteFile(filepath.Join(where, fmt.Sprintf("signature-%d", number+1)), blob, 0o600); err != nil {
			return "", fmt.Errorf("writing a signature: %w", err)
		}
	}
	stored, err := directory.NewReference(where)
	if err != nil {
		return "", err
	}
	source, err := stored.NewImageSource(ctx, &types.SystemContext{})
	if err != nil {
		return "", err
	}
	defer source.Close()
	verdict, err := evaluate(ctx, applied, policy, &judgedImage{image.UnparsedInstance(source, nil), ref, body})
	var refused *failure.Error
	if errors.As(err, &refused) {
		refused.Message = strings.ReplaceAll(refused.Message, where+"/", "")
	}
	return verdict, err
}

// unsigned is the source of an image that has no signatures, or whose policy looks at none.
type unsigned struct {
	types.ImageSource
	reference types.ImageReference
}

func (u unsigned) Reference() types.ImageReference { return u.reference }

func (unsigned) GetSignatures(context.Context, *digest.Digest) ([][]byte, error) { return nil, nil }

// judgedReference is a reference of a transport that containers/image reads for pycoco.
func judgedReference(text string) (types.ImageReference, error) {
	parsed, err := configuration.ParseReference(text)
	if err != nil {
		return nil, err
	}
	switch {
	case parsed.Transport == "docker" && !parsed.Short:
		return docker.NewReference(parsed.Named)
	case parsed.Transport == "dir":
		ref, err := directory.NewReference(parsed.Path)
		return ref, notThere(parsed.Path, err)
	case parsed.Transport == "oci":
		ref, err := layout.ParseReference(strings.TrimPrefix(parsed.Text, "oci:"))
		return ref, notThere(parsed.Path, err)
	}
	return nil, configuration.InvalidReference(text, "give a registry's reference, or one of oci: or dir:")
}

func notThere(path string, err error) error {
	if err == nil {
		return nil
	}
	return &failure.Error{Code: failure.CodeLayout, Message: path + " cannot be found: give the path of a local image."}
}
