package critest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// What a runtime does with images.
var imageCases = []testCase{
	{"PullByTag", func(t *testing.T, s *suite) {
		ref := s.pull(t, s.images.odd)
		image := s.image(t, s.images.odd)
		require.NotNil(t, image)
		require.Contains(t, []string{image.Id, first(image.RepoDigests)}, ref)
		require.Contains(t, image.RepoTags, s.images.odd)
		require.NotZero(t, image.Size)
	}},
	{"PullByDigest", func(t *testing.T, s *suite) {
		s.pull(t, s.images.busyboxDigest)
		image := s.image(t, s.images.busyboxDigest)
		require.NotNil(t, image)
		require.Contains(t, image.RepoDigests, s.images.busyboxDigest)
	}},
	{"PullAgain", func(t *testing.T, s *suite) {
		require.Equal(t, s.pull(t, s.images.busybox), s.pull(t, s.images.busybox))
	}},
	{"TheIdNamesTheImage", func(t *testing.T, s *suite) {
		image := s.image(t, s.images.busybox)
		require.NotNil(t, image)
		same := s.image(t, image.Id)
		require.NotNil(t, same)
		require.Equal(t, image.Id, same.Id)
	}},
	{"ContainersOfWhateverNamesTheImage", func(t *testing.T, s *suite) {
		pulled := s.pull(t, s.images.busybox) // which is what a kubelet puts into a container's configuration
		s.pull(t, s.images.busyboxDigest)
		p, id := s.pod(t), s.image(t, s.images.busybox).Id
		for _, reference := range []string{pulled, id, s.images.busyboxDigest} {
			c := p.start(t, "echo yes", func(c *runtimeapi.ContainerConfig) { c.Image.Image = reference })
			require.Zero(t, c.exited(t).ExitCode, reference)
			require.NotEmpty(t, c.status(t).ImageRef)
		}
	}},
	{"UserIsTold", func(t *testing.T, s *suite) {
		s.pull(t, s.images.odd)
		require.Equal(t, int64(1234), s.image(t, s.images.odd).Uid.GetValue())
	}},
	{"MissingImageHasNoStatus", func(t *testing.T, s *suite) {
		require.Nil(t, s.image(t, s.images.address+"/nothing:here"))
	}},
	{"PullOfAMissingImageFails", func(t *testing.T, s *suite) {
		_, err := s.tryPull(t, s.images.address+"/nothing:here", nil)
		requireCode(t, codes.NotFound, err)
	}},
	{"PullFromNowhereFails", func(t *testing.T, s *suite) {
		_, err := s.tryPull(t, "127.0.0.1:1/nothing:here", nil)
		require.Error(t, err)
	}},
	{"PullOfAnInvalidNameFails", func(t *testing.T, s *suite) {
		_, err := s.tryPull(t, "Not A Name", nil)
		require.Error(t, err)
	}},
	{"ALockedImageNeedsAPassword", func(t *testing.T, s *suite) {
		_, err := s.tryPull(t, s.images.locked, nil)
		require.Error(t, err)
		_, err = s.tryPull(t, s.images.locked, &runtimeapi.AuthConfig{Username: s.images.user, Password: "wrong"})
		require.Error(t, err)
		require.Nil(t, s.image(t, s.images.locked))
		_, err = s.tryPull(t, s.images.locked, &runtimeapi.AuthConfig{Username: s.images.user, Password: s.images.password})
		require.NoError(t, err)
		require.NotNil(t, s.image(t, s.images.locked))
		s.removeImage(t, s.images.locked)
	}},
	{"List", func(t *testing.T, s *suite) {
		all, err := s.is.ListImages(s.ctx(t), &runtimeapi.ListImagesRequest{})
		require.NoError(t, err)
		var tags []string
		for _, i := range all.Images {
			require.NotEmpty(t, i.Id)
			tags = append(tags, i.RepoTags...)
		}
		require.Subset(t, tags, []string{s.images.busybox, s.images.web})
	}},
	{"ListOfOne", func(t *testing.T, s *suite) {
		s.differs(t, containerdName, "1.6 lists all images, whatever the filter")
		filter := &runtimeapi.ImageFilter{Image: &runtimeapi.ImageSpec{Image: s.images.web}}
		one, err := s.is.ListImages(s.ctx(t), &runtimeapi.ListImagesRequest{Filter: filter})
		require.NoError(t, err)
		require.Len(t, one.Images, 1)
		require.Contains(t, one.Images[0].RepoTags, s.images.web)
	}},
	{"Remove", func(t *testing.T, s *suite) {
		s.pull(t, s.images.odd)
		s.removeImage(t, s.images.odd)
		require.Nil(t, s.image(t, s.images.odd))
	}},
	{"RemoveOfAMissingImageIsDone", func(t *testing.T, s *suite) {
		s.removeImage(t, s.images.address+"/nothing:here")
	}},
	{"FileSystemUsage", func(t *testing.T, s *suite) {
		until(t, "the images' usage is known", func() bool {
			r, err := s.is.ImageFsInfo(s.ctx(t), &runtimeapi.ImageFsInfoRequest{})
			require.NoError(t, err)
			return len(r.ImageFilesystems) > 0 && r.ImageFilesystems[0].FsId.GetMountpoint() != "" &&
				r.ImageFilesystems[0].UsedBytes.GetValue() > 0 && r.ImageFilesystems[0].InodesUsed.GetValue() > 0
		})
	}},
}

func (s *suite) tryPull(t testing.TB, image string, auth *runtimeapi.AuthConfig) (string, error) {
	r, err := s.is.PullImage(s.ctx(t), &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: image}, Auth: auth})
	return r.GetImageRef(), err
}

// pull pulls an image and returns what containers may refer to it by.
func (s *suite) pull(t testing.TB, image string) string {
	t.Helper()
	ref, err := s.tryPull(t, image, nil)
	require.NoError(t, err)
	require.NotEmpty(t, ref)
	return ref
}

// image is nil for one that isn't there.
func (s *suite) image(t testing.TB, image string) *runtimeapi.Image {
	t.Helper()
	r, err := s.is.ImageStatus(s.ctx(t), &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: image}})
	require.NoError(t, err, status.Code(err))
	return r.Image
}

func (s *suite) removeImage(t testing.TB, image string) {
	t.Helper()
	_, err := s.is.RemoveImage(s.ctx(t), &runtimeapi.RemoveImageRequest{Image: &runtimeapi.ImageSpec{Image: image}})
	require.NoError(t, err)
}

// first is the first of some, or nothing.
func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}
