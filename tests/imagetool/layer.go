package main

// Layers: a tar of a few files, compressed, and encrypted by ocicrypt for the recipients asked for.

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/containers/ocicrypt"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// layer is a layer of the specification. MediaType and Content make a blob of any kind, for artifacts; otherwise it is a tar of
// Files (path: text) and of Random bytes that no compressor shrinks.
type layer struct {
	Files       map[string]string `json:"files"`
	Random      int               `json:"random"`
	Compression string            `json:"compression"` // "gzip" (default), "zstd" or "none"
	Encrypt     []recipient       `json:"encrypt"`
	Annotations map[string]string `json:"annotations"`
	MediaType   string            `json:"media_type"`
	Content     string            `json:"content"`
}

// layerTypes has the media type for each compression.
type layerTypes map[string]string

var (
	ociLayers = layerTypes{
		"none": ocispec.MediaTypeImageLayer, "gzip": ocispec.MediaTypeImageLayerGzip, "zstd": ocispec.MediaTypeImageLayerZstd,
	}
	dockerLayers = layerTypes{
		"none": "application/vnd.docker.image.rootfs.diff.tar",
		"gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
		"zstd": "application/vnd.docker.image.rootfs.diff.tar.zstd",
	}
)

// addLayer stores a layer and returns its descriptor and its diff ID (the digest of the plain tar).
func (b *builder) addLayer(layer layer, types layerTypes) (ocispec.Descriptor, digest.Digest, error) {
	var none ocispec.Descriptor
	if layer.MediaType != "" {
		descriptor, err := b.layout.add(layer.MediaType, []byte(layer.Content))
		descriptor.Annotations = layer.Annotations
		return descriptor, descriptor.Digest, err
	}
	if layer.Compression == "" {
		layer.Compression = "gzip"
	}
	mediaType, ok := types[layer.Compression]
	if !ok {
		return none, "", fmt.Errorf("no compression %q: it is gzip, zstd or none", layer.Compression)
	}
	plain, err := tarOf(layer)
	if err != nil {
		return none, "", err
	}
	blob, err := compress(layer.Compression, plain)
	if err != nil {
		return none, "", err
	}
	annotations := maps.Clone(layer.Annotations)
	if len(layer.Encrypt) > 0 {
		if blob, annotations, err = b.encrypt(blob, mediaType, layer); err != nil {
			return none, "", err
		}
		mediaType += "+encrypted"
	}
	descriptor, err := b.layout.add(mediaType, blob)
	descriptor.Annotations = annotations
	return descriptor, digest.FromBytes(plain), err
}

func tarOf(layer layer) ([]byte, error) {
	files := maps.Clone(layer.Files)
	if files == nil {
		files = map[string]string{}
	}
	if layer.Random > 0 {
		files["srv/random"] = randomText(layer.Random)
	}
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		mode := int64(0o644)
		if strings.HasPrefix(files[name], "#!") {
			mode = 0o755
		}
		header := &tar.Header{Name: name, Mode: mode, Size: int64(len(files[name])), ModTime: time.Unix(1714979289, 0), Format: tar.FormatPAX}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(archive, files[name]); err != nil {
			return nil, err
		}
	}
	err := archive.Close() // before the bytes are taken: it writes the end of the archive
	return out.Bytes(), err
}

// randomText is the same on every run, so that an unencrypted layer keeps its digest.
func randomText(size int) string {
	source := rand.New(rand.NewPCG(1, uint64(size)))
	text := make([]byte, size)
	for i := range text {
		text[i] = byte(source.Uint32())
	}
	return string(text)
}

func compress(compression string, plain []byte) ([]byte, error) {
	var out bytes.Buffer
	var writer io.WriteCloser
	switch compression {
	case "gzip":
		writer = gzip.NewWriter(&out)
	case "zstd":
		encoder, err := zstd.NewWriter(&out)
		if err != nil {
			return nil, err
		}
		writer = encoder
	default:
		return plain, nil
	}
	if _, err := writer.Write(plain); err != nil {
		return nil, err
	}
	err := writer.Close()
	return out.Bytes(), err
}

// encrypt returns the ciphertext and the annotations a client needs to decrypt it, both exactly as ocicrypt makes them.
func (b *builder) encrypt(blob []byte, mediaType string, layer layer) ([]byte, map[string]string, error) {
	config, err := b.recipients.encryptConfig(layer.Encrypt)
	if err != nil {
		return nil, nil, err
	}
	descriptor := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(blob), Size: int64(len(blob))}
	reader, finish, err := ocicrypt.EncryptLayer(config, bytes.NewReader(blob), descriptor)
	if err != nil {
		return nil, nil, err
	}
	ciphertext, err := io.ReadAll(reader)
	if err != nil {
		return nil, nil, err
	}
	annotations, err := finish()
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(annotations, layer.Annotations)
	return ciphertext, annotations, nil
}
