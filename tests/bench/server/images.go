package main

// The images: indexes, manifests and configs of the size that builds of today make, every tag different from the others.
// There are no layers behind them; nobody asks for any.

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
	layerCount   = 8
)

var platforms = []map[string]string{
	{"architecture": "amd64", "os": "linux"},
	{"architecture": "arm64", "os": "linux", "variant": "v8"},
	{"architecture": "arm", "os": "linux", "variant": "v7"},
}

// document is one answer: its bytes, and the headers that go with them.
type document struct {
	body      []byte
	mediaType string
	digest    string
}

type object = map[string]any

func newDocument(mediaType string, content any) document {
	body, err := json.Marshal(content)
	if err != nil {
		panic(err) // maps of texts and numbers always encode
	}
	return document{body, mediaType, digestOf(body)}
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (d document) descriptor() object {
	return object{"mediaType": d.mediaType, "digest": d.digest, "size": len(d.body)}
}

// repository holds one repository's answers, by what stands behind /manifests/ and /blobs/.
type repository struct {
	name      string
	tags      []string
	manifests map[string]document
	blobs     map[string]document
	amd64     map[string][2]string // by tag: the digests of its linux/amd64 manifest and config
}

func newRepository(name string, tags int) *repository {
	made := &repository{
		name: name, manifests: map[string]document{}, blobs: map[string]document{}, amd64: map[string][2]string{},
	}
	for number := range tags {
		tag := fmt.Sprintf("v1.%d", number)
		made.tags = append(made.tags, tag)
		made.addImage(tag)
	}
	return made
}

func (r *repository) addImage(tag string) {
	entries := []object{}
	for number, platform := range platforms {
		config := newDocument(configType, r.config(tag, platform))
		manifest := newDocument(manifestType, r.manifest(tag, config, platform))
		r.blobs[config.digest], r.manifests[manifest.digest] = config, manifest
		if number == 0 {
			r.amd64[tag] = [2]string{manifest.digest, config.digest}
		}
		entry := manifest.descriptor()
		entry["platform"] = platform
		entries = append(entries, entry)
	}
	for _, entry := range entries[:len(platforms)] { // what buildx adds for each
		attestation := newDocument(manifestType, object{"of": entry["digest"]}).descriptor()
		attestation["platform"] = object{"architecture": "unknown", "os": "unknown"}
		attestation["annotations"] = object{
			"vnd.docker.reference.digest": entry["digest"], "vnd.docker.reference.type": "attestation-manifest",
		}
		entries = append(entries, attestation)
	}
	index := newDocument(indexType, object{"schemaVersion": 2, "mediaType": indexType, "manifests": entries})
	r.manifests[tag], r.manifests[index.digest] = index, index
}

func (r *repository) manifest(tag string, config document, platform map[string]string) object {
	layers := []object{}
	for number := range layerCount {
		content := fmt.Sprintf("%s %s %s %d", r.name, tag, platform["architecture"], number)
		layers = append(layers, object{"mediaType": layerType, "digest": digestOf([]byte(content)), "size": 1<<20 + number})
	}
	return object{
		"schemaVersion": 2, "mediaType": manifestType, "config": config.descriptor(), "layers": layers,
		"annotations": object{"org.opencontainers.image.version": tag, "org.opencontainers.image.title": r.name},
	}
}

func (r *repository) config(tag string, platform map[string]string) object {
	created := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	history, diffs := []object{}, []string{}
	for number := range layerCount {
		what := fmt.Sprintf("%s %s %s step %d", r.name, tag, platform["architecture"], number)
		diffs = append(diffs, digestOf([]byte(what)))
		history = append(history, object{
			"created": created.Add(time.Duration(number) * time.Second), "comment": "buildkit.dockerfile.v0",
			"created_by": "RUN /bin/sh -c apt-get update && apt-get install --yes package-of-" + what + " # buildkit",
		})
		if number%2 == 1 {
			history = append(history, object{
				"created": created, "created_by": "ENV STEP=" + what, "comment": "buildkit.dockerfile.v0", "empty_layer": true,
			})
		}
	}
	config := object{
		"created": created, "architecture": platform["architecture"], "os": "linux",
		"config": object{
			"User": "1000:1000", "WorkingDir": "/srv", "Entrypoint": []string{"/entry"}, "Cmd": []string{"serve"},
			"Env":          []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "VERSION=" + tag, "NAME=" + r.name},
			"ExposedPorts": object{"8080/tcp": object{}}, "Volumes": object{"/data": object{}}, "StopSignal": "SIGTERM",
			"Labels": object{"org.opencontainers.image.version": tag, "org.opencontainers.image.title": r.name},
		},
		"rootfs": object{"type": "layers", "diff_ids": diffs}, "history": history,
	}
	if variant := platform["variant"]; variant != "" {
		config["variant"] = variant
	}
	return config
}
