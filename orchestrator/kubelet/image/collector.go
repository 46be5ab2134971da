package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/record"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// CollectorOptions say when and which images go.
type CollectorOptions struct {
	Images     internalapi.ImageManagerService
	Runtime    internalapi.RuntimeService                                        // containers, whose images stay
	PauseImage string                                                            // of sandboxes; stays too
	High, Low  int                                                               // percent of disk in use: collection begins at High and ends at Low; 0, 0: 85, 80
	MinAge     time.Duration                                                     // younger images stay; 0: two minutes
	MaxAge     time.Duration                                                     // unused images go after it; 0: never by age
	Period     time.Duration                                                     // 0: five minutes
	Usage      func(ctx context.Context) (capacity, available uint64, err error) // nil: of the file system that holds the images
	Node       *v1.ObjectReference                                               // whom events are about
	Recorder   record.EventRecorder                                              // nil: no events
	Clock      clock.WithTicker                                                  // nil: the real one
}

// Collector removes images that nothing uses.
type Collector struct {
	o CollectorOptions

	mu   sync.Mutex // one collection at a time
	seen map[string]*seen
}

// seen is what the collector knows of an image, by ID.
type seen struct {
	first time.Time // when it was first seen
	used  time.Time // when a container of it was last seen; zero: never
	size  uint64
}

// NewCollector returns a collector.
func NewCollector(o CollectorOptions) *Collector {
	if o.High == 0 && o.Low == 0 {
		o.High, o.Low = 85, 80
	}
	o.MinAge = cmp.Or(o.MinAge, 2*time.Minute)
	o.Period = cmp.Or(o.Period, 5*time.Minute)
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	c := &Collector{o: o, seen: map[string]*seen{}}
	if c.o.Usage == nil {
		c.o.Usage = c.usage
	}
	return c
}

// Run collects at intervals until ctx ends.
func (c *Collector) Run(ctx context.Context) {
	ticker := c.o.Clock.NewTicker(c.o.Period)
	defer ticker.Stop()
	for {
		if err := c.Collect(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Image garbage collection failed")
			c.event("ImageGCFailed", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
	}
}

// Collect removes images by age and, if the disk is too full, by last use.
func (c *Collector) Collect(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Clock.Now()
	unused, err := c.look(ctx, now)
	if err != nil {
		return err
	}
	if c.o.MaxAge > 0 {
		var old []string
		unused = slices.DeleteFunc(unused, func(id string) bool {
			s := c.seen[id]
			last := s.first
			if s.used.After(last) {
				last = s.used
			}
			if now.Sub(last) <= c.o.MaxAge {
				return false
			}
			old = append(old, id)
			return true
		})
		if _, err := c.free(ctx, old, math.MaxUint64, now); err != nil {
			return err
		}
	}
	capacity, available, err := c.o.Usage(ctx)
	if err != nil {
		return err
	}
	if capacity == 0 {
		return errors.New("image: invalid capacity 0 on image filesystem")
	}
	available = min(available, capacity)
	if int(100-available*100/capacity) < c.o.High {
		return nil
	}
	target := capacity*uint64(100-c.o.Low)/100 - available
	freed, err := c.free(ctx, unused, target, now)
	if err != nil {
		return err
	}
	if freed < target {
		err := fmt.Errorf("failed to garbage collect required amount of images. Attempted to free %d bytes, but only found %d bytes eligible to free", target, freed)
		c.event("FreeDiskSpaceFailed", err.Error())
		return err
	}
	return nil
}

// FreeAll removes all images that nothing uses, if they are old enough: for a disk under pressure.
func (c *Collector) FreeAll(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Clock.Now()
	unused, err := c.look(ctx, now)
	if err != nil {
		return err
	}
	_, err = c.free(ctx, unused, math.MaxUint64, now)
	return err
}

// look notes what images there are, and returns those that nothing uses, the one that was used least lately first.
func (c *Collector) look(ctx context.Context, now time.Time) ([]string, error) {
	used, err := c.used(ctx)
	if err != nil {
		return nil, err
	}
	images, err := c.o.Images.ListImages(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("image: list of images: %w", err)
	}
	there := sets.New[string]()
	var unused []string
	for _, i := range images {
		there.Insert(i.Id)
		s := c.seen[i.Id]
		if s == nil {
			s = &seen{first: now}
			c.seen[i.Id] = s
		}
		s.size = i.Size
		switch {
		case i.Pinned || used.HasAny(append(append([]string{i.Id}, i.RepoTags...), i.RepoDigests...)...):
			s.used = now
		default:
			unused = append(unused, i.Id)
		}
	}
	for id := range c.seen {
		if !there.Has(id) {
			delete(c.seen, id)
		}
	}
	slices.SortFunc(unused, func(a, b string) int {
		return cmp.Or(c.seen[a].used.Compare(c.seen[b].used), c.seen[a].first.Compare(c.seen[b].first), cmp.Compare(a, b))
	})
	return unused, nil
}

// used are the images of containers and sandboxes, by whatever name the runtime has for them.
func (c *Collector) used(ctx context.Context) (sets.Set[string], error) {
	containers, err := c.o.Runtime.ListContainers(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("image: list of containers: %w", err)
	}
	used := sets.New[string]()
	for _, one := range containers {
		used.Insert(one.ImageRef, one.ImageId, one.GetImage().GetImage())
	}
	if c.o.PauseImage != "" {
		used.Insert(c.o.PauseImage)
		answer, err := c.o.Images.ImageStatus(ctx, &runtimeapi.ImageSpec{Image: c.o.PauseImage}, false)
		if err != nil {
			return nil, fmt.Errorf("image: status of %s: %w", c.o.PauseImage, err)
		}
		used.Insert(answer.GetImage().GetId())
	}
	used.Delete("")
	return used, nil
}

// free removes images in this order until enough bytes are free. One that can't be removed does not keep the others.
func (c *Collector) free(ctx context.Context, ids []string, target uint64, now time.Time) (freed uint64, err error) {
	var all []error
	for _, id := range ids {
		s := c.seen[id]
		if freed >= target {
			break
		}
		if now.Sub(s.first) < c.o.MinAge {
			continue
		}
		klog.FromContext(ctx).Info("Removing image to free bytes", "image", id, "size", s.size)
		if err := c.o.Images.RemoveImage(ctx, &runtimeapi.ImageSpec{Image: id}); err != nil {
			all = append(all, fmt.Errorf("image: remove %s: %w", id, err))
			continue
		}
		delete(c.seen, id)
		freed += s.size
	}
	return freed, errors.Join(all...)
}

// usage is that of the file system that holds the images.
func (c *Collector) usage(ctx context.Context) (capacity, available uint64, err error) {
	dir, err := Dir(ctx, c.o.Images)
	if err != nil {
		return 0, 0, err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("image: %s: %w", dir, err)
	}
	return st.Blocks * uint64(st.Bsize), st.Bavail * uint64(st.Bsize), nil
}

// Dir is the folder in which a runtime keeps its images.
func Dir(ctx context.Context, images internalapi.ImageManagerService) (string, error) {
	info, err := images.ImageFsInfo(ctx)
	if err != nil {
		return "", fmt.Errorf("image: file system of images: %w", err)
	}
	for _, fs := range info.GetImageFilesystems() {
		if dir := fs.GetFsId().GetMountpoint(); dir != "" {
			return dir, nil
		}
	}
	return "", errors.New("image: the runtime does not say where its images are")
}

// event tells of the node.
func (c *Collector) event(reason, text string) {
	if c.o.Recorder != nil && c.o.Node != nil {
		c.o.Recorder.Event(c.o.Node, v1.EventTypeWarning, reason, text)
	}
}
