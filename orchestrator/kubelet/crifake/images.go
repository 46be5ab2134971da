package crifake

import (
	"context"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Images has every image there is, and says of each what User says.
type Images struct {
	User func(image string) (uid *int64, name string) // nil: root, by no number
}

var _ internalapi.RuntimeService = (*Runtime)(nil)

// ImageStatus is what a runtime says of an image.
func (i *Images) ImageStatus(_ context.Context, spec *runtimeapi.ImageSpec, _ bool) (*runtimeapi.ImageStatusResponse, error) {
	image := &runtimeapi.Image{Id: spec.Image, RepoTags: []string{spec.Image}, Size: 1}
	if i.User != nil {
		uid, name := i.User(spec.Image)
		image.Username = name
		if uid != nil {
			image.Uid = &runtimeapi.Int64Value{Value: *uid}
		}
	}
	return &runtimeapi.ImageStatusResponse{Image: image}, nil
}

// ListImages lists none: none was pulled.
func (i *Images) ListImages(context.Context, *runtimeapi.ImageFilter) ([]*runtimeapi.Image, error) {
	return nil, nil
}

// PullImage finds every image.
func (i *Images) PullImage(_ context.Context, spec *runtimeapi.ImageSpec, _ *runtimeapi.AuthConfig, _ *runtimeapi.PodSandboxConfig) (string, error) {
	return spec.Image, nil
}

// RemoveImage removes nothing.
func (i *Images) RemoveImage(context.Context, *runtimeapi.ImageSpec) error { return nil }

// ImageFsInfo knows of no file system.
func (i *Images) ImageFsInfo(context.Context) (*runtimeapi.ImageFsInfoResponse, error) {
	return &runtimeapi.ImageFsInfoResponse{}, nil
}
