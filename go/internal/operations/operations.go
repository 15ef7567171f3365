// Package operations runs what a caller asks for by name: it decodes requests, keeps sessions, runs operations with
// deadlines, cancellation and a recover, and hands each one's reply back once. It knows no C and no pipe: the programs
// that import it bring requests and take replies.
package operations

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/configuration"
	"github.com/pycoco/pycoco/go/internal/documents"
	"github.com/pycoco/pycoco/go/internal/failure"
	"github.com/pycoco/pycoco/go/internal/images"
	"github.com/pycoco/pycoco/go/internal/process"
)

// operation answers one request: any JSON-able result and raw parts.
type operation func(ctx context.Context, body []byte) (result any, parts [][]byte, err error)

// named are all operations. To add one, add its line here and write its function, with the type of its request, beside
// the others below or in a file of its own: `plain` for what is answered from its arguments alone, `inSession` for what
// needs a client's configuration. Nothing else in go/ knows operations by name. In Python its twin is a method of the
// same name of contract.Session and its name a line of contract.OPERATIONS.
func named() map[string]operation {
	return map[string]operation{
		"open":      plain(openSession),
		"close":     plain(closeSession),
		"versions":  plain(versions),
		"log_level": plain(setLogLevel),
		"panic":     plain(func(context.Context, *common) (any, [][]byte, error) { panic("asked for by a test") }),

		"fetch":                 inSession(fetch),
		"fetch_manifest":        inSession(fetchManifest),
		"fetch_signatures":      inSession(fetchSignatures),
		"fetch_instances":       inSession(fetchInstances),
		"resolve":               inSession(resolve),
		"tags":                  inSession(tags),
		"short_name_candidates": inSession(shortNameCandidates),
		"pull_sources":          inSession(pullSources),
		"credentials_for":       inSession(credentialsFor),

		"parse_reference":  plain(parseReference),
		"choose_instance":  plain(chooseInstance),
		"check_manifest":   plain(checkManifest),
		"check_config":     plain(checkConfig),
		"parse_challenges": plain(parseChallenges),
		"evaluate_policy":  plain(evaluatePolicy),
	}
}

// plain makes an operation of a function and the type of its request.
func plain[R any](run func(ctx context.Context, request *R) (any, [][]byte, error)) operation {
	return func(ctx context.Context, body []byte) (any, [][]byte, error) {
		request := new(R)
		if err := decode(body, request); err != nil {
			return nil, nil, err
		}
		return run(ctx, request)
	}
}

// inSession makes an operation of a function that runs with a session's configuration, and its environment in force.
func inSession[R interface{ session() uint64 }](
	run func(ctx context.Context, host *configuration.Host, request *R) (any, [][]byte, error),
) operation {
	return plain(func(ctx context.Context, request *R) (any, [][]byte, error) {
		s, err := findSession((*request).session())
		if err != nil {
			return nil, nil, err
		}
		ctx, leave, err := s.enter(ctx)
		if err != nil {
			return nil, nil, err
		}
		defer leave()
		if err := s.host.CheckFiles(); err != nil {
			return nil, nil, err
		}
		result, parts, err := run(ctx, s.host, request)
		if cause := context.Cause(ctx); err != nil && cause != nil {
			return nil, nil, errors.Join(cause, err)
		}
		return result, parts, err
	})
}

// A reference, and for a fetch the platform.

type referenceRequest struct {
	common
	Reference string                  `json:"reference"`
	Platform  *configuration.Platform `json:"platform"`
}

func fetch(ctx context.Context, host *configuration.Host, request *referenceRequest) (any, [][]byte, error) {
	found, err := images.Fetch(ctx, host, request.Reference, request.Platform)
	if err != nil {
		return nil, nil, err
	}
	return found, append([][]byte{found.Top, found.Instance, found.Config}, found.Signatures...), nil
}

func fetchManifest(ctx context.Context, host *configuration.Host, request *referenceRequest) (any, [][]byte, error) {
	found, err := images.FetchManifest(ctx, host, request.Reference)
	if err != nil {
		return nil, nil, err
	}
	return found, [][]byte{found.Body}, nil
}

// fetchInstances sends bytes that several instances share once: each names its parts, manifest, config and signatures, by number.
// So are the index's, which an error may tell of and of which a thousand may be about: they are part 0.
func fetchInstances(ctx context.Context, host *configuration.Host, request *referenceRequest) (any, [][]byte, error) {
	found, err := images.FetchInstances(ctx, host, request.Reference)
	if err != nil {
		return nil, nil, err
	}
	type instance struct {
		Place   int             `json:"place"`
		Fetched *images.Fetched `json:"fetched,omitempty"`
		Parts   []int           `json:"parts,omitempty"`
		Error   *failure.Error  `json:"error,omitempty"`
	}
	parts := [][]byte{found.Top.Body}
	numbers := map[string]int{}
	part := func(digest string, body []byte) int {
		if _, known := numbers[digest]; !known {
			numbers[digest] = len(parts)
			parts = append(parts, body)
		}
		return numbers[digest]
	}
	instances := []instance{}
	for _, each := range found.Found {
		if each.Err != nil {
			told := *failure.Classify(ctx, each.Err)
			told.RawManifest = nil
			instances = append(instances, instance{Place: each.Place, Error: &told})
			continue
		}
		read := each.Fetched
		own := []int{part(read.InstanceDigest, read.Instance), part(read.ConfigDigest, read.Config)}
		for number, signature := range read.Signatures {
			own = append(own, part(fmt.Sprintf("%s/%d", read.InstanceDigest, number), signature))
		}
		instances = append(instances, instance{Place: each.Place, Fetched: read, Parts: own})
	}
	return map[string]any{"top": found.Top, "instances": instances}, parts, nil
}

func resolve(ctx context.Context, host *configuration.Host, request *referenceRequest) (any, [][]byte, error) {
	found, err := images.Resolve(ctx, host, request.Reference)
	return found, nil, err
}

// tags sends the tags as one part, a line each.
func tags(ctx context.Context, host *configuration.Host, request *referenceRequest) (any, [][]byte, error) {
	found, err := images.Tags(ctx, host, request.Reference)
	if err != nil {
		return nil, nil, err
	}
	return found, [][]byte{[]byte(strings.Join(found.Tags, "\n"))}, nil
}

func parseReference(_ context.Context, request *referenceRequest) (any, [][]byte, error) {
	parsed, err := configuration.ParseReference(request.Reference)
	return parsed, nil, err
}

func shortNameCandidates(_ context.Context, host *configuration.Host, request *referenceRequest) (any, [][]byte, error) {
	found, err := host.Candidates(request.Reference)
	return found, nil, err
}

func pullSources(_ context.Context, host *configuration.Host, request *referenceRequest) (any, [][]byte, error) {
	parsed, err := configuration.ParseQualified(request.Reference)
	if err != nil {
		return nil, nil, err
	}
	found, err := configuration.PullSources(host.SystemContext(nil), parsed.Named)
	return found, nil, err
}

func credentialsFor(_ context.Context, host *configuration.Host, request *referenceRequest) (any, [][]byte, error) {
	parsed, err := configuration.ParseQualified(request.Reference)
	if err != nil {
		return nil, nil, err
	}
	found, err := host.Credentials(parsed.Named)
	if err != nil {
		return nil, nil, err
	}
	return map[string][]byte{ // a password may be any bytes, which JSON's text cannot hold
		"username": []byte(found.Username), "password": []byte(found.Password), "identity_token": []byte(found.IdentityToken),
	}, nil, nil
}

// Documents: bytes are base64 in a request.

type indexRequest struct {
	common
	Manifest    []byte                   `json:"manifest"`
	ContentType string                   `json:"content_type"`
	Platforms   []configuration.Platform `json:"platforms"`
}

// chooseInstance answers one index for many platforms; each gets a digest or an error of its own.
func chooseInstance(ctx context.Context, request *indexRequest) (any, [][]byte, error) {
	list, err := documents.ParseIndex(request.Manifest, request.ContentType)
	if err != nil {
		return nil, nil, err
	}
	type choice struct {
		Digest string         `json:"digest,omitempty"`
		Error  *failure.Error `json:"error,omitempty"`
	}
	choices := []choice{}
	for _, platform := range request.Platforms {
		system := &types.SystemContext{
			OSChoice: platform.OS, ArchitectureChoice: platform.Architecture, VariantChoice: platform.Variant,
		}
		chosen, err := documents.ChooseFrom(system, list)
		if err != nil {
			choices = append(choices, choice{Error: failure.Classify(ctx, err)})
			continue
		}
		choices = append(choices, choice{Digest: chosen.String()})
	}
	return choices, nil, nil
}

type manifestRequest struct {
	common
	Manifest    []byte `json:"manifest"`
	ContentType string `json:"content_type"`
	Digest      string `json:"digest"`
	Schema1     bool   `json:"schema1"`
}

func checkManifest(_ context.Context, request *manifestRequest) (any, [][]byte, error) {
	checked, err := documents.CheckManifest(request.Manifest, request.ContentType, request.Digest, request.Schema1)
	return checked, nil, err
}

type configRequest struct {
	common
	Config []byte `json:"config"`
}

func checkConfig(_ context.Context, request *configRequest) (any, [][]byte, error) {
	return nil, nil, documents.CheckConfig(request.Config)
}

type logLevelRequest struct {
	common
	LogLevel string `json:"log_level"`
}

func setLogLevel(_ context.Context, request *logLevelRequest) (any, [][]byte, error) {
	if err := process.SetLogLevel(request.LogLevel); err != nil {
		return nil, nil, &failure.Error{Code: failure.CodeBackend, Message: err.Error()}
	}
	return map[string]any{}, nil, nil
}
