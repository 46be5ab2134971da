package cri

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
)

const (
	// rotatedStamp is what a rotated log's name ends with, so that names sort by age.
	rotatedStamp = "20060102-150405"
	compressed   = ".gz"
	partial      = ".tmp"
)

// Rotator keeps the logs of containers from growing for ever.
type Rotator struct {
	Runtime  internalapi.RuntimeService
	MaxSize  int64
	MaxFiles int // of a container, the one being written included
}

// Run looks at all logs in each period until ctx ends.
func (r *Rotator) Run(ctx context.Context, period time.Duration) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := r.Rotate(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).V(1).Info("Cannot rotate logs", "err", err)
		}
	}
}

// Rotate rotates the logs of running containers that have grown too large.
func (r *Rotator) Rotate(ctx context.Context) error {
	running, err := r.Runtime.ListContainers(ctx, &runtimeapi.ContainerFilter{
		State: &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING},
	})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	var failed []error
	for _, c := range running {
		answer, err := r.Runtime.ContainerStatus(ctx, c.GetId(), false)
		if err != nil {
			if !IsNotFound(err) {
				failed = append(failed, err)
			}
			continue
		}
		path := answer.GetStatus().GetLogPath()
		info, err := os.Stat(path)
		if path == "" || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil && info.Size() >= r.MaxSize {
			err = r.rotate(ctx, c.GetId(), path)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("log of container %s: %w", c.GetId(), err))
		}
	}
	return errors.Join(failed...)
}

// rotate puts a log aside, removes the oldest, and compresses all but the latest: that may be read still.
func (r *Rotator) rotate(ctx context.Context, id, path string) error {
	old, err := rotated(path)
	if err != nil {
		return err
	}
	keep := max(r.MaxFiles-2, 0) // the new one and the one put aside now are two
	for len(old) > keep {
		if err := os.Remove(old[0]); err != nil {
			return err
		}
		old = old[1:]
	}
	for _, file := range old {
		if !strings.HasSuffix(file, compressed) {
			if err := compress(file); err != nil {
				return err
			}
		}
	}
	aside := path + "." + time.Now().Format(rotatedStamp)
	if err := os.Rename(path, aside); err != nil {
		return err
	}
	if err := r.Runtime.ReopenContainerLog(ctx, id); err != nil {
		// The container goes on writing to the file, wherever it is: it is put back, or its output would be lost to readers.
		return errors.Join(fmt.Errorf("reopen: %w", err), os.Rename(aside, path))
	}
	return nil
}

// rotated are the files put aside of a log, the oldest first. What a compression left half done is removed.
func rotated(path string) ([]string, error) {
	found, err := filepath.Glob(path + ".*")
	if err != nil {
		return nil, err
	}
	files := found[:0]
	for _, file := range found {
		if strings.HasSuffix(file, partial) {
			if err := os.Remove(file); err != nil {
				return nil, err
			}
			continue
		}
		files = append(files, file)
	}
	slices.Sort(files)
	return files, nil
}

func compress(path string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(path + compressed + partial)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, out.Close(), os.Remove(out.Name()))
		}
	}()
	w := gzip.NewWriter(out)
	if _, err := io.Copy(w, in); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := os.Rename(out.Name(), path+compressed); err != nil {
		return err
	}
	return errors.Join(out.Close(), os.Remove(path))
}
