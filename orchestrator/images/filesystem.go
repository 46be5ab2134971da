package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// entry is one file of a layer. Of link, host and data one at most is set; a directory has none.
type entry struct {
	mode fs.FileMode
	link string // what a symbolic link points at
	host string // the file of this machine whose content it has
	data []byte
}

// filesystem is the files of a layer by their paths, which are absolute.
type filesystem map[string]entry

func (f filesystem) directory(name string, mode fs.FileMode) {
	f[name] = entry{mode: mode | fs.ModeDir}
}
func (f filesystem) text(name, text string) { f[name] = entry{mode: 0o644, data: []byte(text)} }
func (f filesystem) link(name, target string) {
	f[name] = entry{mode: fs.ModeSymlink | 0o777, link: target}
}
func (f filesystem) copy(name, host string, mode fs.FileMode) {
	f[name] = entry{mode: mode, host: host}
}

// layer makes a layer of the files and of the directories that lead to them.
func (f filesystem) layer() (v1.Layer, error) {
	complete := maps.Clone(f)
	for name := range f {
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			if _, there := complete[dir]; !there {
				complete.directory(dir, 0o755)
			}
		}
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(complete.write(w)) }()
		return r, nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	return layer, nil
}

// write writes the files as a tar archive, in the order of their paths: parents come before what is in them.
func (f filesystem) write(w io.Writer) error {
	archive := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if err := f[name].write(archive, name); err != nil {
			return fmt.Errorf("images: %s: %w", name, err)
		}
	}
	return archive.Close()
}

func (e entry) write(archive *tar.Writer, name string) error {
	h := &tar.Header{Name: name[1:], Mode: int64(e.mode.Perm()), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if e.mode&fs.ModeSticky != 0 {
		h.Mode |= 0o1000
	}
	switch {
	case e.mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		return archive.WriteHeader(h)
	case e.link != "":
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		return archive.WriteHeader(h)
	}
	content, size, err := e.open()
	if err != nil {
		return err
	}
	defer content.Close()
	h.Typeflag, h.Size = tar.TypeReg, size
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(archive, content)
	return err
}

func (e entry) open() (io.ReadCloser, int64, error) {
	if e.host == "" {
		return io.NopCloser(bytes.NewReader(e.data)), int64(len(e.data)), nil
	}
	file, err := os.Open(e.host)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}
