// Choosing an instance of an index: containers/image's own choice, with errors that say what there was to choose from.

package documents

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// ChooseInstance chooses as CRI-O's copy does: ChooseInstanceByCompression without a preference for gzip, which is what
// the public ChooseInstance is too (internal/manifest/oci_index.go, docker_schema2_list.go).
func ChooseInstance(system *types.SystemContext, body []byte, mediaType string) (digest.Digest, error) {
	list, err := ParseIndex(body, mediaType)
	if err != nil {
		return "", err
	}
	return ChooseFrom(system, list)
}

// ParseIndex parses an index that a platform can be chosen from.
func ParseIndex(body []byte, contentType string) (manifest.List, error) {
	mediaType := manifest.NormalizedMIMEType(SimplifyContentType(contentType))
	if !manifest.MIMETypeIsMultiImage(mediaType) {
		return nil, &failure.Error{
			Code:    failure.CodeUnsupportedManifest,
			Message: fmt.Sprintf("a platform can only be chosen from an index, and %q is none", contentType),
		}
	}
	checked, err := ParseManifest(body, mediaType)
	if err != nil {
		return nil, err
	}
	return checked.List, refuseBuildCache(body)
}

// ChooseFrom chooses from a parsed index.
func ChooseFrom(system *types.SystemContext, list manifest.List) (digest.Digest, error) {
	chosen, err := list.ChooseInstance(system)
	if err != nil {
		return "", &failure.Error{
			Code:    failure.CodeNoMatchingPlatform,
			Message: fmt.Sprintf("the index has no image for %s; %s", wantedOf(err), platformsOf(list)),
		}
	}
	if err := chosen.Validate(); err != nil {
		return "", &failure.Error{Code: failure.CodeManifest, Message: fmt.Sprintf("the index names the digest %q, which is not one", chosen)}
	}
	return chosen, nil
}

// Entry is an image that an index names: its place among the index's entries, from 0.
type Entry struct {
	Place  int
	Digest digest.Digest // as it stands there
}

// attestation is the annotation of an entry that is about another one (BuildKit's attestation storage).
const attestation = "vnd.docker.reference.type"

// Images are the images that a parsed index names, without the entries that are about another one.
func Images(body []byte, mediaType string) ([]Entry, error) {
	var index struct {
		Manifests []struct {
			Digest   digest.Digest `json:"digest"`
			Platform struct {
				OS           string `json:"os"`
				Architecture string `json:"architecture"`
			} `json:"platform"`
			Annotations json.RawMessage `json:"annotations"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(body, &index); err != nil {
		return nil, unparsable(err)
	}
	if err := refuseBuildCache(body); err != nil {
		return nil, err
	}
	found := []Entry{}
	for place, each := range index.Manifests {
		annotations := map[string]string{} // docker's manifest lists have none
		if mediaType == imgspecv1.MediaTypeImageIndex && len(each.Annotations) > 0 {
			if err := json.Unmarshal(each.Annotations, &annotations); err != nil {
				return nil, unparsable(err)
			}
		}
		_, about := annotations[attestation]
		if about || (each.Platform.OS == "unknown" && each.Platform.Architecture == "unknown") {
			continue
		}
		found = append(found, Entry{place, each.Digest})
	}
	return found, nil
}

const (
	buildCacheConfig = "application/vnd.buildkit.cacheconfig.v0"
	buildCache       = "it is a build cache of BuildKit (" + buildCacheConfig + "), not a container image; ask for the image's own " +
		"tag, not for the one that --cache-to has"
)

// refuseBuildCache refuses a checked index of BuildKit's that has layers for entries: containers/image would take one of
// them for an image, and fail with whatever the registry says to that.
func refuseBuildCache(index []byte) error {
	var document struct {
		Manifests []struct {
			MediaType string `json:"mediaType"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(index, &document); err != nil {
		return unparsable(err)
	}
	cache := false
	for _, each := range document.Manifests {
		switch each.MediaType {
		case buildCacheConfig:
			cache = true
		case imgspecv1.MediaTypeImageManifest, imgspecv1.MediaTypeImageIndex, manifest.DockerV2Schema2MediaType, manifest.DockerV2ListMediaType,
			manifest.DockerV2Schema1MediaType, manifest.DockerV2Schema1SignedMediaType:
			return nil
		}
	}
	if !cache {
		return nil
	}
	return &failure.Error{Code: failure.CodeNotAnImage, Message: buildCache}
}

func platformsOf(list manifest.List) string {
	names, seen := []string{}, map[string]bool{}
	for _, each := range list.Instances() {
		instance, err := list.Instance(each)
		if err != nil || instance.ReadOnly.Platform == nil {
			continue
		}
		platform := instance.ReadOnly.Platform
		name := platform.OS + "/" + platform.Architecture
		if platform.Variant != "" {
			name += "/" + platform.Variant
		}
		if platform.OS != "unknown" && name != "/" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "it has no image for any platform"
	}
	more := ""
	if len(names) > platformsShown {
		more = fmt.Sprintf(" and %d more", len(names)-platformsShown)
		names = names[:platformsShown]
	}
	return "ask for one of the platforms that it has: " + strings.Join(names, ", ") + more
}

// platformsShown is how many are named in an error.
const platformsShown = 12

// platformAsked is how the pinned version says which platform no image was found for (internal/manifest/oci_index.go,
// docker_schema2_list.go).
var platformAsked = regexp.MustCompile(`for architecture "([^"]*)", variant "([^"]*)", OS "([^"]*)"`)

// wantedOf is the platform that an error of ChooseInstance names.
func wantedOf(err error) string {
	asked := platformAsked.FindStringSubmatch(err.Error())
	if asked == nil {
		return "the platform"
	}
	name := asked[3] + "/" + asked[1]
	if asked[2] != "" {
		name += "/" + asked[2]
	}
	return name
}
