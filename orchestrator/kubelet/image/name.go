package image

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// WithTag is an image's name with the tag latest if it has neither tag nor digest.
func WithTag(image string) (string, error) {
	if _, err := name.ParseReference(image, name.WeakValidation); err != nil {
		return "", err
	}
	if strings.Contains(image, "@") || tagOf(image) != "" {
		return image, nil
	}
	return image + ":latest", nil
}

// tagOf is what comes after the colon that is not a port's.
func tagOf(image string) string {
	last := image[strings.LastIndexByte(image, '/')+1:]
	_, tag, _ := strings.Cut(last, ":")
	return tag
}

func isLatest(image string) bool { return !strings.Contains(image, "@") && tagOf(image) == "latest" }

// dockerHub is the registry of images that name none, as configurations of credentials call it.
const dockerHub = "index.docker.io"

// location takes an image's name apart: who serves it, and as what.
func location(image string) (registry, repository string) {
	ref, err := name.ParseReference(image, name.WeakValidation)
	if err != nil {
		return "", ""
	}
	registry = ref.Context().RegistryStr()
	if registry == "docker.io" {
		registry = dockerHub
	}
	return registry, ref.Context().RepositoryStr()
}
