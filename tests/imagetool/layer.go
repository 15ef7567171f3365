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
	"os"
	"slices"
	"strings"
	"time"

	"github.com/containers/ocicrypt"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// layer is a layer of the specification. MediaType and Content make a blob of any kind, for artifacts; otherwise it is a tar of
// Files (path: text), of Copies (path: a file of this machine, with its content and mode), of Links (path: where the symbolic
// link leads) and of Random bytes that no compressor shrinks.
type layer struct {
	Files       map[string]string `json:"files"`
	Copies      map[string]string `json:"copies"`
	Links       map[string]string `json:"links"`
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
	entries, err := entriesOf(layer)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		entry := entries[name]
		header := &tar.Header{
			Name: name, Typeflag: tar.TypeReg, Mode: int64(entry.mode), Size: int64(len(entry.content)), Linkname: entry.link,
			ModTime: time.Unix(1714979289, 0), Format: tar.FormatPAX,
		}
		if entry.link != "" {
			header.Typeflag = tar.TypeSymlink
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(entry.content); err != nil {
			return nil, err
		}
	}
	err = archive.Close() // before the bytes are taken: it writes the end of the archive
	return out.Bytes(), err
}

// entry is one member of a layer's tar: a file, or a symbolic link if link says where it leads.
type entry struct {
	content []byte
	mode    os.FileMode
	link    string
}

func entriesOf(layer layer) (map[string]entry, error) {
	entries := map[string]entry{}
	for name, text := range layer.Files {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		entries[name] = entry{content: []byte(text), mode: mode}
	}
	for name, source := range layer.Copies {
		content, err := os.ReadFile(source)
		if err != nil {
			return nil, err
		}
		about, err := os.Stat(source)
		if err != nil {
			return nil, err
		}
		entries[name] = entry{content: content, mode: about.Mode().Perm()}
	}
	for name, target := range layer.Links {
		entries[name] = entry{mode: 0o777, link: target}
	}
	if layer.Random > 0 {
		entries["srv/random"] = entry{content: []byte(randomText(layer.Random)), mode: 0o644}
	}
	return entries, nil
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
