package image

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	testingclock "k8s.io/utils/clock/testing"
)

// disk is a collector on a disk of 1000 bytes, of which images take up what they say.
type disk struct {
	*Collector
	images  *fakeImages
	runtime *fakeRuntime
	clock   *testingclock.FakeClock
	events  *record.FakeRecorder
	other   uint64 // bytes of others
}

func newDisk(change func(*CollectorOptions), images ...*runtimeapi.Image) *disk {
	d := &disk{
		images: &fakeImages{present: images, refuses: map[string]bool{}}, runtime: &fakeRuntime{}, clock: testingclock.NewFakeClock(time.Unix(1000, 0)),
		events: record.NewFakeRecorder(100),
	}
	o := CollectorOptions{Images: d.images, Runtime: d.runtime, Clock: d.clock, Recorder: d.events, Node: &v1.ObjectReference{Kind: "Node", Name: "n"}}
	o.Usage = func(context.Context) (capacity, available uint64, err error) {
		left := 1000 - d.other
		for _, i := range d.images.present {
			left -= i.Size
		}
		return 1000, left, nil
	}
	if change != nil {
		change(&o)
	}
	d.Collector = NewCollector(o)
	return d
}

func sized(id string, size uint64, tags ...string) *runtimeapi.Image {
	return &runtimeapi.Image{Id: id, Size: size, RepoTags: tags}
}

func TestCollectorFreesTheLeastRecentlyUsed(t *testing.T) {
	d := newDisk(nil, sized("a", 300, "a:1"), sized("b", 300, "b:1"), sized("c", 200, "c:1"))
	d.runtime.images = []string{"a:1"}
	require.NoError(t, d.Collect(t.Context()))
	require.Len(t, d.images.ids(), 3, "80 percent are not too much")
	d.clock.Step(time.Minute)
	d.runtime.images = []string{"b:1"}
	require.NoError(t, d.Collect(t.Context()))
	d.runtime.images = nil
	d.clock.Step(time.Hour)
	d.other = 60
	require.NoError(t, d.Collect(t.Context()))
	require.Equal(t, []string{"a", "b"}, d.images.ids(), "c was never used")
	d.other = 260
	require.NoError(t, d.Collect(t.Context()))
	require.Equal(t, []string{"b"}, d.images.ids())
}

func TestCollectorKeepsWhatIsUsed(t *testing.T) {
	pinned := sized("pinned", 100)
	pinned.Pinned = true
	d := newDisk(func(o *CollectorOptions) { o.PauseImage = "pause:1" },
		sized("by-tag", 100, "x:1"), sized("by-id", 100), sized("pause", 100, "docker.io/library/pause:1"), pinned, sized("unused", 100))
	d.runtime.images = []string{"x:1", "by-id"}
	d.other = 400
	require.ErrorContains(t, d.Collect(t.Context()), "Attempted to free 100 bytes, but only found 0 bytes eligible to free")
	require.Contains(t, <-d.events.Events, "Warning FreeDiskSpaceFailed failed to garbage collect required amount of images.")
	require.Len(t, d.images.ids(), 5, "all are new")
	d.clock.Step(3 * time.Minute)
	require.NoError(t, d.Collect(t.Context()))
	require.Equal(t, []string{"by-tag", "by-id", "pause", "pinned"}, d.images.ids())
	d.other = 600
	require.Error(t, d.Collect(t.Context()))
	require.Len(t, d.images.ids(), 4)
}

func TestCollectorOfWholeDisk(t *testing.T) {
	d := newDisk(nil, sized("busy", 10), sized("free", 10), sized("used", 10, "u:1"))
	d.runtime.images = []string{"u:1"}
	require.NoError(t, d.FreeAll(t.Context()))
	require.Len(t, d.images.ids(), 3, "all are new")
	d.clock.Step(2 * time.Minute)
	d.images.refuses["remove busy"] = true
	require.ErrorContains(t, d.FreeAll(t.Context()), "image: remove busy: busy")
	require.Equal(t, []string{"busy", "used"}, d.images.ids(), "one that can't go keeps no other")
}

func TestCollectorByAge(t *testing.T) {
	d := newDisk(func(o *CollectorOptions) { o.MaxAge = time.Hour }, sized("old", 1), sized("used", 1, "u:1"))
	d.runtime.images = []string{"u:1"}
	require.NoError(t, d.Collect(t.Context()))
	d.clock.Step(50 * time.Minute)
	require.NoError(t, d.Collect(t.Context()))
	d.runtime.images = nil
	d.clock.Step(30 * time.Minute)
	require.NoError(t, d.Collect(t.Context()))
	require.Equal(t, []string{"used"}, d.images.ids(), "used half an hour ago")
	d.clock.Step(31 * time.Minute)
	require.NoError(t, d.Collect(t.Context()))
	require.Empty(t, d.images.ids())
}

func TestCollectorRuns(t *testing.T) {
	d := newDisk(func(o *CollectorOptions) {
		o.Usage = func(context.Context) (uint64, uint64, error) { return 0, 0, errors.New("no disk") }
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.Run(ctx)
	}()
	require.Equal(t, "Warning ImageGCFailed no disk", <-d.events.Events)
	require.Eventually(t, d.clock.HasWaiters, 10*time.Second, time.Millisecond)
	d.clock.Step(5 * time.Minute)
	require.Equal(t, "Warning ImageGCFailed no disk", <-d.events.Events, "again after a while")
	cancel()
	<-ended
}
