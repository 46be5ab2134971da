package images

import (
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	// Host stands in an image's proper name where others have the registry's. Nobody resolves it.
	Host = "petcd.local"
	// DefaultAddress is where a node's registry listens unless it is told otherwise.
	DefaultAddress = "127.0.0.1:5055"
)

// Image is a built image and its name.
type Image struct {
	Name, Tag string
	v1.Image
}

// Reference is the proper name, which is the same on every node.
func (i Image) Reference() string { return Reference(Host, i.Name, i.Tag) }

// Reference names an image at a host, which may be a registry's address.
func Reference(host, name, tag string) string { return host + "/" + name + ":" + tag }

// Tag makes a tag of a program's version: what is behind a plus sign is about how it was built, and no tag may have one.
func Tag(version string) string {
	tag, _, _ := strings.Cut(version, "+")
	return tag
}
