package runtime

import (
	"context"
	"encoding/base64"
	"encoding/json"
	goruntime "runtime"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/runtime/image"
)

// describe is an image as CRI describes it.
func describe(i image.Image) *runtimeapi.Image {
	d := &runtimeapi.Image{
		Id: i.ID, RepoTags: i.Tags, RepoDigests: i.Digests, Size: uint64(max(0, i.Size)), Spec: &runtimeapi.ImageSpec{Image: i.ID},
	}
	user, _, _ := strings.Cut(i.Config.User, ":")
	if uid, err := strconv.ParseInt(user, 10, 64); err == nil {
		d.Uid = &runtimeapi.Int64Value{Value: uid}
	} else {
		d.Username = user
	}
	return d
}

// ListImages lists the images of the node, or the one that is asked for.
func (s *Server) ListImages(_ context.Context, r *runtimeapi.ListImagesRequest) (*runtimeapi.ListImagesResponse, error) {
	answer := &runtimeapi.ListImagesResponse{}
	if want := r.GetFilter().GetImage().GetImage(); want != "" {
		if i, err := s.images.Get(want); err == nil {
			answer.Images = append(answer.Images, describe(i))
		}
		return answer, nil
	}
	for _, i := range s.images.List() {
		answer.Images = append(answer.Images, describe(i))
	}
	return answer, nil
}

// ImageStatus describes an image; none at all says that it isn't there.
func (s *Server) ImageStatus(_ context.Context, r *runtimeapi.ImageStatusRequest) (*runtimeapi.ImageStatusResponse, error) {
	if r.GetImage().GetImage() == "" {
		return nil, invalid("no image is named")
	}
	i, err := s.images.Get(r.Image.Image)
	if err != nil {
		return &runtimeapi.ImageStatusResponse{}, nil
	}
	answer := &runtimeapi.ImageStatusResponse{Image: describe(i)}
	if r.GetVerbose() {
		info, err := json.Marshal(map[string]any{"imageSpec": map[string]any{"config": i.Config}, "layers": i.Layers})
		if err != nil {
			return nil, fail(err)
		}
		answer.Info = map[string]string{"info": string(info)}
	}
	return answer, nil
}

// PullImage fetches an image from its registry.
func (s *Server) PullImage(ctx context.Context, r *runtimeapi.PullImageRequest) (*runtimeapi.PullImageResponse, error) {
	if r.GetImage().GetImage() == "" {
		return nil, invalid("no image is named")
	}
	how := image.Remote{Insecure: s.options.Insecure, Platform: v1.Platform{OS: "linux", Architecture: goruntime.GOARCH}}
	var err error
	if how.Auth, err = credentials(r.GetAuth()); err != nil {
		return nil, err
	}
	i, err := s.images.Pull(ctx, r.Image.Image, how)
	if err != nil {
		return nil, fail(err)
	}
	return &runtimeapi.PullImageResponse{ImageRef: i.ID}, nil
}

// credentials are what a registry is told.
func credentials(a *runtimeapi.AuthConfig) (authn.AuthConfig, error) {
	c := authn.AuthConfig{
		Username: a.GetUsername(), Password: a.GetPassword(), IdentityToken: a.GetIdentityToken(), RegistryToken: a.GetRegistryToken(),
	}
	if a.GetAuth() == "" || c.Username != "" {
		return c, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(a.Auth)
	if err != nil {
		return c, invalid("credentials: %v", err)
	}
	if c.Username, c.Password, err = image.Account(string(decoded)); err != nil {
		return c, invalid("credentials: %v", err)
	}
	return c, nil
}

// RemoveImage removes an image. Containers that run of it keep its layers.
func (s *Server) RemoveImage(_ context.Context, r *runtimeapi.RemoveImageRequest) (*runtimeapi.RemoveImageResponse, error) {
	if r.GetImage().GetImage() == "" {
		return nil, invalid("no image is named")
	}
	return &runtimeapi.RemoveImageResponse{}, fail(s.images.Remove(r.Image.Image))
}

// ImageFsInfo says what images, and what containers wrote, take on disk.
func (s *Server) ImageFsInfo(context.Context, *runtimeapi.ImageFsInfoRequest) (*runtimeapi.ImageFsInfoResponse, error) {
	now := time.Now().UnixNano()
	usage := func(bytes, inodes uint64, dir string) []*runtimeapi.FilesystemUsage {
		return []*runtimeapi.FilesystemUsage{{
			Timestamp: now, FsId: &runtimeapi.FilesystemIdentifier{Mountpoint: dir}, UsedBytes: number(bytes), InodesUsed: number(inodes),
		}}
	}
	ib, ii := s.images.Usage()
	cb, ci := image.Usage(s.rootDir("containers"))
	return &runtimeapi.ImageFsInfoResponse{
		ImageFilesystems: usage(ib, ii, s.images.Dir()), ContainerFilesystems: usage(cb, ci, s.rootDir("containers")),
	}, nil
}
