package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	v1 "k8s.io/api/core/v1"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// fakeImages is a runtime's image service.
type fakeImages struct {
	internalapi.ImageManagerService

	mu       sync.Mutex
	present  []*runtimeapi.Image
	pulls    []string // "<image> <user>"
	refuses  map[string]bool
	broken   error         // of ImageStatus
	pulling  chan struct{} // each pull takes one, if it is not nil
	atOnce   int
	mostOnce int
}

func (f *fakeImages) find(name string) *runtimeapi.Image {
	for _, i := range f.present {
		short := func(tag string) bool { return strings.HasSuffix(tag, "/"+name) } // a registry left out
		if i.Id == name || slices.ContainsFunc(i.RepoTags, short) || slices.Contains(i.RepoTags, name) || slices.Contains(i.RepoDigests, name) {
			return i
		}
	}
	return nil
}

func (f *fakeImages) ImageStatus(_ context.Context, spec *runtimeapi.ImageSpec, _ bool) (*runtimeapi.ImageStatusResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &runtimeapi.ImageStatusResponse{Image: f.find(spec.Image)}, f.broken
}

func (f *fakeImages) ListImages(context.Context, *runtimeapi.ImageFilter) ([]*runtimeapi.Image, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.present), nil
}

func (f *fakeImages) PullImage(ctx context.Context, spec *runtimeapi.ImageSpec, auth *runtimeapi.AuthConfig, _ *runtimeapi.PodSandboxConfig) (string, error) {
	f.mu.Lock()
	f.atOnce++
	f.mostOnce = max(f.mostOnce, f.atOnce)
	f.pulls = append(f.pulls, fmt.Sprintf("%s %s", spec.Image, auth.GetUsername()))
	refused := f.refuses[spec.Image+" "+auth.GetUsername()]
	f.mu.Unlock()
	if f.pulling != nil {
		<-f.pulling
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.atOnce--
	if refused {
		return "", errors.New("denied")
	}
	image := &runtimeapi.Image{Id: "sha256:" + spec.Image, RepoTags: []string{spec.Image}, Size: 10}
	f.present = append(f.present, image)
	return image.Id, ctx.Err()
}

func (f *fakeImages) RemoveImage(_ context.Context, spec *runtimeapi.ImageSpec) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuses["remove "+spec.Image] {
		return errors.New("busy")
	}
	f.present = slices.DeleteFunc(f.present, func(i *runtimeapi.Image) bool { return i.Id == spec.Image })
	return nil
}

// ids are the images that are there.
func (f *fakeImages) ids() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	ids := []string{}
	for _, i := range f.present {
		ids = append(ids, i.Id)
	}
	return ids
}

// fakeRuntime knows containers by their images.
type fakeRuntime struct {
	internalapi.RuntimeService
	images []string
}

func (f *fakeRuntime) ListContainers(context.Context, *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	var all []*runtimeapi.Container
	for _, i := range f.images {
		all = append(all, &runtimeapi.Container{Image: &runtimeapi.ImageSpec{Image: i}})
	}
	return all, nil
}

// podOf has one container of an image.
func podOf(image string, policy v1.PullPolicy, secrets ...string) *v1.Pod {
	pod := &v1.Pod{}
	pod.Namespace, pod.Name, pod.UID = "ns", "p", "u"
	pod.Spec.Containers = []v1.Container{{Name: "c", Image: image, ImagePullPolicy: policy}}
	for _, s := range secrets {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, v1.LocalObjectReference{Name: s})
	}
	return pod
}

func specOf(image string) *runtimeapi.ImageSpec { return &runtimeapi.ImageSpec{Image: image} }
