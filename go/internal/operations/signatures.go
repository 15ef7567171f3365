// Operations about signatures, and about policies that ask for some.

package operations

import (
	"context"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/images"
)

type signaturesRequest struct {
	common
	Reference string `json:"reference"`
	Digest    string `json:"digest"` // of an instance; "" for the top-level manifest
}

func fetchSignatures(ctx context.Context, host *configuration.Host, request *signaturesRequest) (any, [][]byte, error) {
	found, err := images.FetchSignatures(ctx, host, request.Reference, request.Digest)
	if err != nil {
		return nil, nil, err
	}
	return found, append([][]byte{found.Manifest}, found.Signatures...), nil
}

type policyRequest struct {
	common
	Policy     []byte   `json:"policy"`
	Reference  string   `json:"reference"`
	Manifest   []byte   `json:"manifest"`
	Signatures [][]byte `json:"signatures"`
}

func evaluatePolicy(ctx context.Context, request *policyRequest) (any, [][]byte, error) {
	applied, err := images.EvaluatePolicy(ctx, request.Policy, request.Reference, request.Manifest, request.Signatures)
	return applied, nil, err
}
