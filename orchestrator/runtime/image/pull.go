package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sys/unix"
)

// Remote says how to reach a registry.
type Remote struct {
	Auth      authn.AuthConfig
	Insecure  []string // registries that are spoken to without TLS, beside those on loopback and private addresses
	Transport http.RoundTripper
	Platform  v1.Platform
}

// Pull fetches an image by its name.
func (s *Store) Pull(ctx context.Context, ref string, how Remote) (Image, error) {
	r, err := parse(ref)
	if err != nil {
		return Image{}, err
	}
	target := r.Reference
	if slices.Contains(how.Insecure, r.Context().RegistryStr()) {
		if target, err = name.ParseReference(ref, name.Insecure); err != nil {
			return Image{}, fmt.Errorf("image name %q: %w", ref, err)
		}
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuth(authn.FromConfig(how.Auth)), remote.WithPlatform(how.Platform)}
	if how.Transport != nil {
		options = append(options, remote.WithTransport(how.Transport))
	}
	d, err := remote.Get(target, options...)
	if refused := new(transport.Error); errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound {
		err = fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return Image{}, fmt.Errorf("pull image %s: %w", ref, err)
	}
	i, err := d.Image()
	if err != nil {
		return Image{}, fmt.Errorf("pull image %s: %w", ref, err)
	}
	digests := []string{r.repository() + "@" + d.Digest.String()}
	var tags []string
	if _, ok := r.Reference.(name.Tag); ok {
		tags = append(tags, r.String())
	}
	stored, err := s.add(ctx, i, tags, digests)
	if err != nil {
		return Image{}, fmt.Errorf("pull image %s: %w", ref, err)
	}
	return stored, nil
}

// nameAnnotations are where layouts say what their images are called.
var nameAnnotations = []string{"io.containerd.image.name", "org.opencontainers.image.ref.name"}

// Import adds the images of an OCI layout, or of a tar file as `docker save` writes it, by the names that are in there.
func (s *Store) Import(ctx context.Context, path string) ([]Image, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("image: import: %w", err)
	}
	if info.IsDir() {
		return s.importLayout(ctx, path)
	}
	return s.importTar(ctx, path)
}

func (s *Store) importLayout(ctx context.Context, path string) ([]Image, error) {
	index, err := layout.ImageIndexFromPath(path)
	if err != nil {
		return nil, fmt.Errorf("image: import %s: %w", path, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("image: import %s: %w", path, err)
	}
	var all []Image
	for _, d := range manifest.Manifests {
		var full string
		for _, a := range nameAnnotations {
			if full == "" {
				full = d.Annotations[a]
			}
		}
		if full == "" || !d.MediaType.IsImage() {
			continue
		}
		r, err := parse(full)
		if err != nil {
			return all, fmt.Errorf("image: import %s: %w", path, err)
		}
		i, err := index.Image(d.Digest)
		if err != nil {
			return all, fmt.Errorf("image: import %s: %w", path, err)
		}
		stored, err := s.add(ctx, i, []string{r.String()}, []string{r.repository() + "@" + d.Digest.String()})
		if err != nil {
			return all, fmt.Errorf("image: import %s: %s: %w", path, full, err)
		}
		all = append(all, stored)
	}
	return all, nil
}

func (s *Store) importTar(ctx context.Context, path string) ([]Image, error) {
	opener := func() (io.ReadCloser, error) { return os.Open(path) }
	manifest, err := tarball.LoadManifest(opener)
	if err != nil {
		return nil, fmt.Errorf("image: import %s: %w", path, err)
	}
	var all []Image
	for _, d := range manifest {
		for _, tag := range d.RepoTags {
			t, err := name.NewTag(tag)
			if err != nil {
				return all, fmt.Errorf("image: import %s: %w", path, err)
			}
			i, err := tarball.Image(opener, &t)
			if err != nil {
				return all, fmt.Errorf("image: import %s: %w", path, err)
			}
			stored, err := s.add(ctx, i, []string{reference{t}.String()}, nil)
			if err != nil {
				return all, fmt.Errorf("image: import %s: %s: %w", path, tag, err)
			}
			all = append(all, stored)
		}
	}
	return all, nil
}

// add unpacks what is missing of an image and writes it down. Names that others had are now this one's.
func (s *Store) add(ctx context.Context, i v1.Image, tags, digests []string) (_ Image, err error) {
	manifest, err := i.Manifest()
	if err != nil {
		return Image{}, err
	}
	if err := acceptable(manifest); err != nil {
		return Image{}, err
	}
	id, err := i.ConfigName()
	if err != nil {
		return Image{}, err
	}
	config, err := i.ConfigFile()
	if err != nil {
		return Image{}, err
	}
	record := Image{ID: id.String(), Tags: tags, Digests: digests, Size: manifest.Config.Size, Config: config.Config}
	layers, err := i.Layers()
	if err != nil {
		return Image{}, err
	}
	if len(layers) != len(manifest.Layers) {
		return Image{}, fmt.Errorf("%d layers by the configuration, %d by the manifest", len(layers), len(manifest.Layers))
	}
	work, err := os.MkdirTemp(s.path("tmp"), "")
	if err != nil {
		return Image{}, err
	}
	var held []string
	defer func() { err = errors.Join(err, os.RemoveAll(work), s.Release(held)) }()
	for n, l := range layers {
		if err := ctx.Err(); err != nil {
			return Image{}, err
		}
		record.Size += manifest.Layers[n].Size
		name, err := s.layer(ctx, l, work)
		if err != nil {
			return Image{}, err
		}
		if _, err := os.Stat(filepath.Join(work, name)); err != nil {
			held = append(held, name)
		}
		record.Layers = append(record.Layers, name)
	}
	if err := s.commit(&record, work); err != nil {
		return Image{}, err
	}
	return record, nil
}

// maxConfig bounds an image's configuration, which is held in memory.
const maxConfig = 8 << 20

// acceptable refuses what a registry may say only to harm: more than memory holds, and addresses that the node is to fetch layers from,
// which may be those of its own services.
func acceptable(m *v1.Manifest) error {
	if m.Config.Size < 0 || m.Config.Size > maxConfig {
		return fmt.Errorf("a configuration of %d bytes is refused", m.Config.Size)
	}
	for _, l := range m.Layers {
		if len(l.URLs) > 0 {
			return fmt.Errorf("layer %s: it is at another place, %s, which is refused", l.Digest, l.URLs[0])
		}
	}
	return nil
}

// layer unpacks a layer into work and returns the name of its folder. One that is there already is held instead.
func (s *Store) layer(ctx context.Context, l v1.Layer, work string) (string, error) {
	diff, err := l.DiffID()
	if err != nil {
		return "", err
	}
	if diff.Algorithm != "sha256" || len(diff.Hex) != 64 {
		return "", fmt.Errorf("layer %s: not a SHA-256", diff)
	}
	name := diff.Hex[:32] // mount takes one page of names
	if _, err := os.Stat(filepath.Join(work, name)); err == nil {
		return name, nil // twice in one image
	}
	if s.hold(name) {
		return name, nil
	}
	content, err := l.Uncompressed()
	if err != nil {
		return "", fmt.Errorf("layer %s: %w", diff, err)
	}
	defer func() { _ = content.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = content.Close() })
	defer stop()
	sum := sha256.New()
	dir := filepath.Join(work, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if err := unpack(io.TeeReader(content, sum), dir); err != nil {
		return "", fmt.Errorf("layer %s: %w", diff, errors.Join(ctx.Err(), err))
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != diff.Hex {
		return "", fmt.Errorf("layer %s: its content is sha256:%s", diff, got)
	}
	return name, nil
}

// hold holds a layer, if it is there.
func (s *Store) hold(layer string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := s.held[layer] > 0
	for _, i := range s.images {
		there = there || slices.Contains(i.Layers, layer)
	}
	if there {
		s.held[layer]++
	}
	return there
}

// commit moves the unpacked layers to their place and writes the image down.
func (s *Store) commit(record *Image, work string) error {
	if err := flush(work); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range record.Layers {
		err := os.Rename(filepath.Join(work, l), s.path("layers", l))
		if err != nil && !os.IsNotExist(err) && !errors.Is(err, os.ErrExist) && !errors.Is(err, unix.ENOTEMPTY) {
			return err
		}
	}
	if old, ok := s.images[record.ID]; ok {
		record.Tags, record.Digests = union(old.Tags, record.Tags), union(old.Digests, record.Digests)
	}
	for _, other := range s.images {
		if other.ID == record.ID || !slices.ContainsFunc(record.Tags, func(t string) bool { return slices.Contains(other.Tags, t) }) {
			continue
		}
		other.Tags = slices.DeleteFunc(slices.Clone(other.Tags), func(t string) bool { return slices.Contains(record.Tags, t) })
		if err := s.put(other); err != nil {
			return err
		}
	}
	return s.put(*record)
}

// union are the elements of both.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// flush makes sure that all of a file system is on disk: after a crash, a layer that an image names is whole.
func flush(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return unix.Syncfs(int(d.Fd()))
}

// Account reads the credentials that CRI gives as "user:password" in base 64.
func Account(decoded string) (user, password string, err error) {
	user, password, ok := strings.Cut(decoded, ":")
	if !ok {
		return "", "", errors.New("image: credentials without a colon")
	}
	return user, strings.TrimRight(password, "\x00"), nil
}
