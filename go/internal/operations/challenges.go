// WWW-Authenticate challenges, read by containers/image's own parser so that the twin's can be compared with it.
//
// Nothing of a fetch goes through here: containers/image reads the headers of its responses itself.

package operations

import (
	"context"
	_ "unsafe" // for go:linkname
)

// parseValueAndParams is docker/wwwauthenticate.go's function of that name, which is not exported.
//
//go:linkname parseValueAndParams go.podman.io/image/v5/docker.parseValueAndParams
func parseValueAndParams(header string) (value string, params map[string]string)

// challenge is contract.Challenge.
type challenge struct {
	Scheme     string            `json:"scheme"`
	Parameters map[string]string `json:"parameters"`
}

type challengesRequest struct {
	common
	Lines []string `json:"lines"`
}

// parseChallenges loops as iterateAuthHeader (docker/wwwauthenticate.go) does.
func parseChallenges(_ context.Context, request *challengesRequest) (any, [][]byte, error) {
	challenges := []challenge{}
	for _, line := range request.Lines {
		if scheme, parameters := parseValueAndParams(line); scheme != "" {
			challenges = append(challenges, challenge{scheme, parameters})
		}
	}
	return challenges, nil, nil
}
