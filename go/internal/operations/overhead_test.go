// What pycoco adds to containers/image: the same image read by it alone and through the library's own operation.
//
//	go test -tags containers_image_openpgp -bench . -benchmem
//
// The registry is in the same process and takes the same from both, so the difference of the two is pycoco's.

package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

// serveImage serves an index of two platforms and what it names, by plain http; it returns a reference.
func serveImage(b *testing.B) string {
	b.Helper()
	config := encoded(b, imgspecv1.Image{
		Platform: imgspecv1.Platform{OS: "linux", Architecture: "amd64"},
		Config:   imgspecv1.ImageConfig{Env: []string{"PATH=/usr/bin"}, Cmd: []string{"/bin/sh"}},
		RootFS:   imgspecv1.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString("layer")}},
	})
	instance := imgspecv1.Manifest{
		MediaType: imgspecv1.MediaTypeImageManifest,
		Config:    descriptor(imgspecv1.MediaTypeImageConfig, config),
		Layers:    []imgspecv1.Descriptor{descriptor(imgspecv1.MediaTypeImageLayerGzip, []byte("layer"))},
	}
	instance.SchemaVersion = 2
	image := encoded(b, instance)
	index := imgspecv1.Index{MediaType: imgspecv1.MediaTypeImageIndex}
	index.SchemaVersion = 2
	for _, architecture := range []string{"arm64", "amd64"} {
		entry := descriptor(imgspecv1.MediaTypeImageManifest, image)
		entry.Platform = &imgspecv1.Platform{OS: "linux", Architecture: architecture}
		index.Manifests = append(index.Manifests, entry)
	}
	bodies := map[string][]byte{
		"/v2/":                 []byte("{}"),
		"/v2/app/manifests/v1": encoded(b, index),
		fmt.Sprintf("/v2/app/manifests/%s", digest.FromBytes(image)): image,
		fmt.Sprintf("/v2/app/blobs/%s", digest.FromBytes(config)):    config,
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, found := bodies[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		mediaType := imgspecv1.MediaTypeImageManifest
		if strings.HasSuffix(r.URL.Path, "/v1") {
			mediaType = imgspecv1.MediaTypeImageIndex
		}
		w.Header().Set("Content-Type", mediaType)
		_, _ = w.Write(body)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of every https ping
	server.Start()
	b.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://") + "/app:v1"
}

func encoded(b *testing.B, value any) []byte {
	b.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

func descriptor(mediaType string, body []byte) imgspecv1.Descriptor {
	return imgspecv1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(body), Size: int64(len(body))}
}

// BenchmarkContainersImage asks for what pycoco asks for and checks nothing that containers/image does not check itself.
func BenchmarkContainersImage(b *testing.B) {
	ref, err := docker.ParseReference("//" + serveImage(b))
	if err != nil {
		b.Fatal(err)
	}
	sys := &types.SystemContext{
		DockerInsecureSkipTLSVerify: types.OptionalBoolTrue, OSChoice: "linux", ArchitectureChoice: "amd64",
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := readAlone(b.Context(), ref, sys); err != nil {
			b.Fatal(err)
		}
	}
}

func readAlone(ctx context.Context, ref types.ImageReference, sys *types.SystemContext) error {
	source, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return err
	}
	defer source.Close()
	index, mediaType, err := source.GetManifest(ctx, nil)
	if err != nil {
		return err
	}
	list, err := manifest.ListFromBlob(index, mediaType)
	if err != nil {
		return err
	}
	chosen, err := list.ChooseInstance(sys)
	if err != nil {
		return err
	}
	body, mediaType, err := source.GetManifest(ctx, &chosen)
	if err != nil {
		return err
	}
	image, err := manifest.FromBlob(body, mediaType)
	if err != nil {
		return err
	}
	config, _, err := source.GetBlob(ctx, image.ConfigInfo(), none.NoCache)
	if err != nil {
		return err
	}
	defer config.Close()
	_, err = io.ReadAll(config)
	return err
}

// BenchmarkFetch is the library's operation, without the way from Python and back.
func BenchmarkFetch(b *testing.B) {
	runner, _, _ := newRunner()
	request := encodedRequest(b, map[string]any{
		"operation": "fetch",
		"session":   openForTest(b, runner),
		"reference": serveImage(b),
		"platform":  map[string]string{"os": "linux", "architecture": "amd64", "variant": ""},
	})
	b.ReportAllocs()
	for b.Loop() {
		if reply := runner.Call(request); strings.Contains(string(reply.Header), `"error"`) {
			b.Fatalf("%s", reply.Header)
		}
	}
}
