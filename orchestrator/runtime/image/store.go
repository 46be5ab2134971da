package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ErrNotFound says that the store has no such image.
var ErrNotFound = errors.New("image not found")

// Image is an image of the store.
type Image struct {
	ID      string // "sha256:" and the digest of its configuration
	Tags    []string
	Digests []string
	Size    int64    // as it is sent
	Layers  []string // names of folders, the lowest first
	Config  v1.Config
}

// Store is the images of a node.
type Store struct {
	dir string

	mu     sync.Mutex
	images map[string]Image
	held   map[string]int // layers by how many containers, and pulls that go on, use them
}

// Open opens the store in a folder and removes what is unfinished there.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir, images: map[string]Image{}, held: map[string]int{}}
	if err := os.RemoveAll(s.path("tmp")); err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	for _, d := range []string{"tmp", "layers", "images"} {
		if err := os.MkdirAll(s.path(d), 0o700); err != nil {
			return nil, fmt.Errorf("image: %w", err)
		}
	}
	files, err := filepath.Glob(s.path("images", "*.json"))
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("image: %w", err)
		}
		var i Image
		if err := json.Unmarshal(data, &i); err != nil || file(i.ID) != filepath.Base(f) {
			// The machine ended while it was written. Without it the image can be pulled again; with it, no pod could run.
			if err := os.Remove(f); err != nil {
				return nil, fmt.Errorf("image: %w", err)
			}
			continue
		}
		s.images[i.ID] = i
	}
	return s, nil
}

// path is a file of the store.
func (s *Store) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

// List are all images.
func (s *Store) List() []Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Image
	for _, i := range s.images {
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b Image) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Get finds an image by its id or by one of its names.
func (s *Store) Get(ref string) (Image, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(ref)
}

func (s *Store) find(ref string) (Image, error) {
	if i, ok := s.images[ref]; ok {
		return i, nil
	}
	if i, ok := s.images["sha256:"+ref]; ok {
		return i, nil
	}
	names, err := parse(ref)
	if err != nil {
		return Image{}, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	for _, i := range s.images {
		if slices.Contains(i.Tags, names.String()) || slices.Contains(i.Digests, names.String()) {
			return i, nil
		}
	}
	return Image{}, fmt.Errorf("%w: %s", ErrNotFound, ref)
}

// Hold keeps an image's layers from being removed until they are released, and gives their folders, the uppermost first.
func (s *Store) Hold(i Image) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var dirs []string
	for _, l := range slices.Backward(i.Layers) {
		s.held[l]++
		dirs = append(dirs, s.path("layers", l))
	}
	return dirs
}

// Release gives back folders that Hold gave.
func (s *Store) Release(dirs []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range dirs {
		l := filepath.Base(d)
		if s.held[l]--; s.held[l] <= 0 {
			delete(s.held, l)
		}
	}
	return s.sweep()
}

// HoldDirs holds layers again that a container held before the daemon's restart.
func (s *Store) HoldDirs(dirs []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range dirs {
		s.held[filepath.Base(d)]++
	}
}

// Sweep removes the layers that neither an image nor a container has. It is called once all containers hold theirs.
func (s *Store) Sweep() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sweep()
}

func (s *Store) sweep() error {
	used := map[string]bool{}
	for _, i := range s.images {
		for _, l := range i.Layers {
			used[l] = true
		}
	}
	entries, err := os.ReadDir(s.path("layers"))
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	for _, e := range entries {
		if used[e.Name()] || s.held[e.Name()] > 0 {
			continue
		}
		if err := os.RemoveAll(s.path("layers", e.Name())); err != nil {
			return fmt.Errorf("image: %w", err)
		}
	}
	return nil
}

// Remove removes an image with all its names. One that is not there is removed already.
func (s *Store) Remove(ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.find(ref)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err := os.Remove(s.path("images", file(i.ID))); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	delete(s.images, i.ID)
	return s.sweep()
}

// put writes an image down. s.mu is locked.
func (s *Store) put(i Image) error {
	data, err := json.MarshalIndent(i, "", "\t")
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	tmp, path := s.path("tmp", file(i.ID)), s.path("images", file(i.ID))
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	s.images[i.ID] = i
	return nil
}

// file is the name of an image's file.
func file(id string) string { return strings.TrimPrefix(id, "sha256:") + ".json" }

// reference is a name of an image, written in full as Kubernetes does.
type reference struct{ name.Reference }

// parse reads a name as users write it.
func parse(ref string) (reference, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return reference{}, fmt.Errorf("image name %q: %w", ref, err)
	}
	return reference{r}, nil
}

// String is the full name.
func (r reference) String() string {
	return r.repository() + strings.TrimPrefix(r.Name(), r.Context().Name())
}

// repository is the name without tag and digest.
func (r reference) repository() string {
	full := r.Context().Name()
	if rest, ok := strings.CutPrefix(full, name.DefaultRegistry+"/"); ok {
		return "docker.io/" + rest
	}
	return full
}
