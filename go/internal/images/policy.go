// policy.json, evaluated by containers/image on the chosen instance.
//
// The verdict is about the bytes just read. A later pull must be checked again, by whoever pulls.

package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/transports"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage/pkg/configfile"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/failure"
)

// archiveTransport says which scopes a policy may have for archives; a transport that is not registered takes any. The
// real ones would make all that reads archives, which the Python code does, part of the library.
type archiveTransport struct {
	types.ImageTransport
	validate func(scope string) error
}

func (a archiveTransport) ValidatePolicyConfigurationScope(scope string) error {
	return a.validate(scope)
}

func init() {
	transports.Register(archiveTransport{transports.NewStubTransport("oci-archive"), layout.Transport.ValidatePolicyConfigurationScope})
	transports.Register(archiveTransport{transports.NewStubTransport("docker-archive"), func(string) error {
		return errors.New("docker-archive knows no scope but the default one")
	}})
}

// checkPolicy evaluates as copySingleImage does (copy/single.go). It returns an error or says which part of policy.json
// allowed the image; there is no third answer. The signatures are those that it looked at, in the form in which they are
// stored; none where it looked at none.
func (r reader) checkPolicy(ctx context.Context, system *types.SystemContext, unparsed *image.UnparsedImage) (string, [][]byte, error) {
	if err := r.CheckPolicyFile(); err != nil {
		return "", nil, err
	}
	file, policy, err := readPolicy(system)
	if err != nil {
		return "", nil, policyFailure(file, err)
	}
	applied := applicable(policy, unparsed.Reference())
	if err := applied.requireKeys(); err != nil {
		return "", nil, err
	}
	verdict, err := evaluate(ctx, file+": "+applied.String(), policy, unparsed)
	if err != nil || !applied.needsSignatures() {
		return verdict, nil, err
	}
	signatures, err := storedSignatures(ctx, unparsed)
	return verdict, signatures, err
}

// evaluate returns applied, the words for the part of the policy that is for the image, or why that does not allow it.
func evaluate(ctx context.Context, applied string, policy *signature.Policy, unparsed types.UnparsedImage) (string, error) {
	policyContext, err := signature.NewPolicyContext(policy)
	if err != nil {
		return "", policyFailure("", err)
	}
	defer func() { _ = policyContext.Destroy() }()
	allowed, err := isAllowed(ctx, policyContext, unparsed)
	if err != nil {
		return "", refusal(ctx, applied, err)
	}
	if !allowed {
		return "", &failure.Error{Code: failure.CodePolicyRejected, Message: "the image is not allowed by " + applied}
	}
	return applied, nil
}

// isAllowed takes a panic for a no: go-crypto had one for a key whose identity is revoked and was never vouched for, which
// the build spares it now (CHANGES in golang.py). What was verified is gone with it; nothing else had a part in it.
func isAllowed(ctx context.Context, policyContext *signature.PolicyContext, unparsed types.UnparsedImage) (allowed bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			allowed, err = false, fmt.Errorf("verifying a signature panicked: %v", cause)
		}
	}()
	return policyContext.IsRunningImageAllowed(ctx, unparsed)
}

// readPolicy finds the file as signature.DefaultPolicy does, which does not tell it.
func readPolicy(system *types.SystemContext) (file string, policy *signature.Policy, err error) {
	file = system.SignaturePolicyPath
	if file == "" {
		search := configfile.File{
			Name: "policy", Extension: "json", DoNotLoadDropInFiles: true,
			EnvironmentName: "CONTAINERS_POLICY_JSON", ErrorIfNotFound: true,
		}
		for item, err := range configfile.Read(&search) {
			if err != nil {
				return "", nil, err
			}
			file = item.Name
		}
	}
	policy, err = signature.NewPolicyFromFile(file)
	return file, policy, err
}

// requireKeys looks at the files of keys that are needed before signature's parts read them: each kind of requirement has
// them under names of their own, which end alike.
func (a appliedPolicy) requireKeys() error {
	for number, requirement := range a.requirements {
		if a.kinds[number] == "insecureAcceptAnything" {
			continue
		}
		if !looksAtSignatures(a.kinds[number]) {
			return nil
		}
		encoded, err := json.Marshal(requirement)
		if err != nil {
			return err
		}
		var document any
		if err := json.Unmarshal(encoded, &document); err != nil {
			return err
		}
		if err := requireFilesUnder("", document); err != nil {
			return err
		}
	}
	return nil
}

func looksAtSignatures(kind string) bool { return kind == "signedBy" || kind == "sigstoreSigned" }

func requireFilesUnder(key string, value any) error {
	switch value := value.(type) {
	case string:
		if strings.HasSuffix(key, "Path") || strings.HasSuffix(key, "Paths") {
			if err := configuration.RequireRegular(value); err != nil {
				return policyFailure(value, err)
			}
		}
	case []any:
		for _, each := range value {
			if err := requireFilesUnder(key, each); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, each := range value {
			if err := requireFilesUnder(name, each); err != nil {
				return err
			}
		}
	}
	return nil
}

func policyFailure(file string, err error) error {
	return &failure.Error{Code: failure.CodeConfiguration, Message: failure.OneSentence(err.Error()), File: file}
}

// refusal tells why the policy's answer is no: it says no, a file that the policy names cannot be read, or the signatures
// cannot be had, which is the registry's error and left as it is. What has no type then is a signature that does not verify.
func refusal(ctx context.Context, applied string, err error) error {
	message := failure.OneSentence(err.Error())
	var file *fs.PathError
	var transfer *url.Error
	switch {
	case ctx.Err() != nil, failure.OfRegistry(err, message) != nil, errors.As(err, &transfer):
		return err
	case errors.As(err, &file):
		return policyFailure(file.Path, fmt.Errorf("%s needs a file that cannot be read: %w", applied, err))
	}
	return &failure.Error{Code: failure.CodePolicyRejected, Message: fmt.Sprintf("the image is not allowed by %s: %s", applied, message)}
}

// appliedPolicy is the part of a policy that is for an image; its words are those of pycoco/configuration/policy/policy.py.
type appliedPolicy struct {
	section      string
	kinds        []string
	requirements signature.PolicyRequirements
}

func newApplied(section string, requirements signature.PolicyRequirements) appliedPolicy {
	return appliedPolicy{section, kindsOf(requirements), requirements}
}

func (a appliedPolicy) String() string { return a.section + ": " + strings.Join(a.kinds, ", ") }

// needsSignatures tells whether evaluating comes to a requirement that looks at signatures.
func (a appliedPolicy) needsSignatures() bool {
	for _, kind := range a.kinds {
		if kind != "insecureAcceptAnything" {
			return looksAtSignatures(kind)
		}
	}
	return false
}

// applicable finds what PolicyContext.requirementsForImageRef (signature/policy_eval.go), which is not exported, applies.
func applicable(policy *signature.Policy, ref types.ImageReference) appliedPolicy {
	transport := ref.Transport().Name()
	if sections, known := policy.Transports[transport]; known {
		for _, scope := range append([]string{ref.PolicyConfigurationIdentity()}, ref.PolicyConfigurationNamespaces()...) {
			if requirements, found := sections[scope]; found {
				return newApplied(fmt.Sprintf("%s, scope %s", transport, scope), requirements)
			}
		}
		if requirements, found := sections[""]; found {
			return newApplied(transport+", default", requirements)
		}
	}
	return newApplied("default", policy.Default)
}

func kindsOf(requirements signature.PolicyRequirements) []string {
	kinds := []string{}
	for _, requirement := range requirements {
		named := struct{ Type string }{}
		if encoded, err := json.Marshal(requirement); err == nil {
			_ = json.Unmarshal(encoded, &named) // leaves the type empty, which is then what is shown
		}
		kinds = append(kinds, named.Type)
	}
	return kinds
}
