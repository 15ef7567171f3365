// policy.json, evaluated by containers/image on the chosen instance.
//
// The verdict is about the bytes just read. A later pull must be checked again, by whoever pulls.

package main

import (
	"context"
	"fmt"

	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

// checkPolicy evaluates as copySingleImage does (copy/single.go). It returns an error or says what was checked; there
// is no third answer.
func checkPolicy(ctx context.Context, system *types.SystemContext, unparsed *image.UnparsedImage) (string, error) {
	policy, err := signature.DefaultPolicy(system)
	if err != nil {
		return "", configurationFailure(err)
	}
	policyContext, err := signature.NewPolicyContext(policy)
	if err != nil {
		return "", configurationFailure(err)
	}
	defer func() { _ = policyContext.Destroy() }()
	allowed, err := policyContext.IsRunningImageAllowed(ctx, unparsed)
	if err != nil {
		return "", err
	}
	if !allowed {
		return "", &failure{Code: codePolicyRejected, Message: "the policy does not allow the image"}
	}
	return fmt.Sprintf("allowed by policy.json for %s", unparsed.Reference().PolicyConfigurationIdentity()), nil
}
