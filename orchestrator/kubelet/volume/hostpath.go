package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	v1 "k8s.io/api/core/v1"
)

// hostPath is a file or folder of the node.
type hostPath struct {
	at    string
	kind  v1.HostPathType
	ro    bool
	group *int64 // whom the files are given to, for a local persistent volume
	// onlyOnMismatch leaves the files alone if the folder is the group's.
	onlyOnMismatch bool
}

func (h *hostPath) path() string   { return h.at }
func (h *hostPath) readOnly() bool { return h.ro }

// hostPathType is what should be at a path; unset: nothing is asked.
func hostPathType(s *v1.HostPathVolumeSource) v1.HostPathType {
	if s.Type == nil {
		return v1.HostPathUnset
	}
	return *s.Type
}

func (h *hostPath) setup(context.Context) error {
	if err := h.check(); err != nil {
		return fmt.Errorf("hostPath type check failed: %w", err)
	}
	if h.group == nil || h.ro || h.onlyOnMismatch && groupOwns(h.at, *h.group) {
		return nil
	}
	return giveToGroup(h.at, h.group, false)
}

// check looks whether what is there is what is asked for, and makes it if that is asked for too.
func (h *hostPath) check() error {
	is := func(what string, matches func(fs.FileMode) bool) error {
		info, err := os.Stat(h.at)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !matches(info.Mode()) {
			return fmt.Errorf("%s is not a %s", h.at, what)
		}
		return err
	}
	switch h.kind {
	case v1.HostPathUnset:
		return nil
	case v1.HostPathDirectoryOrCreate:
		if _, err := os.Stat(h.at); errors.Is(err, fs.ErrNotExist) {
			if err := os.MkdirAll(h.at, 0o755); err != nil {
				return err
			}
		}
		return is("directory", fs.FileMode.IsDir)
	case v1.HostPathDirectory:
		return is("directory", fs.FileMode.IsDir)
	case v1.HostPathFileOrCreate:
		if _, err := os.Stat(h.at); errors.Is(err, fs.ErrNotExist) {
			f, err := os.OpenFile(h.at, os.O_CREATE|os.O_WRONLY, 0o644)
			if err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
		return is("file", fs.FileMode.IsRegular)
	case v1.HostPathFile:
		return is("file", fs.FileMode.IsRegular)
	case v1.HostPathSocket:
		return is("socket", func(m fs.FileMode) bool { return m&fs.ModeSocket != 0 })
	case v1.HostPathCharDev:
		return is("character device", func(m fs.FileMode) bool { return m&fs.ModeCharDevice != 0 })
	case v1.HostPathBlockDev:
		return is("block device", func(m fs.FileMode) bool { return m&fs.ModeDevice != 0 && m&fs.ModeCharDevice == 0 })
	}
	return fmt.Errorf("%s is an invalid volume type", h.kind)
}
