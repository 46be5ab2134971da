package images

import (
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// nameAnnotation is where an OCI layout says which image a manifest is.
const nameAnnotation = "org.opencontainers.image.ref.name"

// Write makes dir an OCI layout of the images, and of nothing else.
func Write(dir string, images []Image) error {
	var index v1.ImageIndex = empty.Index
	for _, image := range images {
		file, err := image.ConfigFile()
		if err != nil {
			return fmt.Errorf("images: %s: %w", image.Reference(), err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image.Image, Descriptor: v1.Descriptor{
			Annotations: map[string]string{nameAnnotation: image.Reference()}, Platform: file.Platform(),
		}})
	}
	path, err := layout.Write(dir, index)
	if err != nil {
		return fmt.Errorf("images: write %s: %w", dir, err)
	}
	stale, err := path.GarbageCollect()
	if err != nil {
		return fmt.Errorf("images: clean %s: %w", dir, err)
	}
	for _, blob := range stale {
		if err := path.RemoveBlob(blob); err != nil {
			return fmt.Errorf("images: clean %s: %w", dir, err)
		}
	}
	return nil
}

// Read returns the images of a layout.
func Read(dir string) ([]Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("images: read %s: %w", dir, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("images: read %s: %w", dir, err)
	}
	var found []Image
	for _, d := range manifest.Manifests {
		host, rest, _ := strings.Cut(d.Annotations[nameAnnotation], "/")
		name, tag, tagged := strings.Cut(rest, ":")
		if host != Host || !tagged {
			continue // another's image in the same layout
		}
		image, err := index.Image(d.Digest)
		if err != nil {
			return nil, fmt.Errorf("images: read %s: %s: %w", dir, name, err)
		}
		found = append(found, Image{Name: name, Tag: tag, Image: image})
	}
	return found, nil
}
