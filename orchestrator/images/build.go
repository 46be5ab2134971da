package images

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// searchPath is where programs are found in a container.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Options are what images are built from.
type Options struct {
	Bin string // the folder of our programs
	Tag string // of all the images; see Tag
}

// Names are the images that there are.
func Names() []string {
	var names []string
	for _, r := range recipes() {
		names = append(names, r.name)
	}
	return names
}

// Build makes the images of those names, or all without one. They are for this machine's architecture.
func Build(o Options, names ...string) ([]Image, error) {
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("images: there is no image %q, only %s", name, strings.Join(Names(), ", "))
		}
	}
	shared := map[string]v1.Layer{}
	var built []Image
	for _, r := range recipes() {
		if len(names) > 0 && !slices.Contains(names, r.name) {
			continue
		}
		image, err := r.build(o.Bin, shared)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		for _, tag := range append([]string{o.Tag}, r.tags...) {
			tagged, err := tagged(image, tag)
			if err != nil {
				return nil, fmt.Errorf("images: %s: %w", r.name, err)
			}
			built = append(built, Image{Name: r.name, Tag: tag, Image: tagged})
		}
	}
	return built, nil
}

// build makes the image but for what its tag adds. Layers of the same content are made once.
func (r recipe) build(bin string, shared map[string]v1.Layer) (v1.Image, error) {
	image := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
	for _, part := range append([]part{base}, r.parts...) {
		f := filesystem{}
		if err := part(f, bin); err != nil {
			return nil, err
		}
		layer, err := f.layer()
		if err != nil {
			return nil, err
		}
		id, err := layer.DiffID()
		if err != nil {
			return nil, fmt.Errorf("images: %w", err)
		}
		if same, there := shared[id.String()]; there {
			layer = same
		}
		shared[id.String()] = layer
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, fmt.Errorf("images: %w", err)
		}
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	file = file.DeepCopy()
	file.Config, file.OS, file.Architecture, file.Created = r.config, "linux", runtime.GOARCH, v1.Time{Time: time.Unix(0, 0).UTC()}
	file.Config.Env = append([]string{searchPath}, file.Config.Env...)
	return mutate.ConfigFile(image, file)
}

// tagged has the image know its tag, for programs that tell which version they are.
func tagged(image v1.Image, tag string) (v1.Image, error) {
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config := *file.Config.DeepCopy()
	config.Env = append(config.Env, "IMAGE_VERSION="+tag)
	return mutate.Config(image, config)
}
