// What a short name may stand for.

package configuration

import (
	"fmt"
	"strings"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/shortnames"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// Candidate is contract.Candidate.
type Candidate struct {
	Reference string `json:"reference"`
	Origin    string `json:"origin"`

	Named reference.Named `json:"-"`
}

// Candidates resolves a bare name as CRI-O does (internal/storage CandidatesForPotentiallyShortImageName).
func (h *Host) Candidates(text string) ([]Candidate, error) {
	parsed, err := ParseReference(text)
	if err != nil {
		return nil, err
	}
	if !parsed.Short { // a local layout stands for itself too
		return []Candidate{{Reference: parsed.Text, Origin: "given", Named: parsed.Named}}, nil
	}
	system := h.SystemContext(nil)
	// Resolve would prompt on a terminal; "disabled" is the one mode in which it never does, and gives the same list.
	asked := *system.ShortNameMode
	never := types.ShortNameModeDisabled
	system.ShortNameMode = &never
	resolved, err := shortnames.Resolve(system, text)
	if err != nil {
		return nil, h.unresolved(system, text, parsed, err)
	}
	origin := "unqualified-search"
	if strings.Contains(resolved.Description(), "as an alias") {
		origin = "alias"
	}
	if asked == types.ShortNameModeEnforcing && len(resolved.PullCandidates) > 1 {
		may := []string{}
		for _, each := range resolved.PullCandidates {
			may = append(may, each.Value.String())
		}
		return nil, &failure.Error{
			Code: failure.CodeShortName,
			Message: fmt.Sprintf("%s names no registry and may mean one of %d (%s); write the one you mean, add an alias, "+
				`or have them tried in turn with short_names="permissive"`,
				failure.ShownReference(text), len(may), strings.Join(may, ", ")),
		}
	}
	candidates := []Candidate{}
	for _, each := range resolved.PullCandidates {
		named := withoutTagBesideDigest(each.Value)
		candidates = append(candidates, Candidate{Reference: named.String(), Origin: origin, Named: named})
	}
	return candidates, nil
}

// unresolved tells why a short name did not resolve, which Resolve says in texts alone: a configuration file that cannot
// be read, a search registry and a name that make no reference, or nothing to resolve it by.
func (h *Host) unresolved(system *types.SystemContext, text string, parsed *ParsedReference, err error) error {
	// In the order in which Resolve reads them: the file of aliases first.
	alias, _, broken := sysregistriesv2.ResolveShortNameAlias(system, parsed.Path)
	if broken != nil {
		return failure.InConfiguration(broken)
	}
	if _, broken := sysregistriesv2.GetRegistries(system); broken != nil {
		return failure.InConfiguration(broken)
	}
	if registries, broken := sysregistriesv2.UnqualifiedSearchRegistries(system); broken == nil && alias == nil && len(registries) > 0 {
		return InvalidReference(parsed.Text, failure.OneSentence(err.Error()))
	}
	return &failure.Error{
		Code: failure.CodeShortName,
		Message: fmt.Sprintf("%s names no registry (%s); write REGISTRY/%s, or add an alias or a registry to registries.conf",
			failure.ShownReference(text), failure.OneSentence(err.Error()), parsed.Path),
	}
}
