package source

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// settle is how long a folder must be quiet before it is read: editors write files in several steps.
const settle = 100 * time.Millisecond

// Folder is a folder of manifests.
type Folder struct {
	path   string
	period time.Duration
	reader *reader
	last   map[string]bool // what was complained about already
}

// NewFolder returns the source of a node's static pods. The folder needn't exist. It is read in each period, changes or not.
func NewFolder(path, node string, period time.Duration) (*Folder, error) {
	r, err := newReader(node)
	if err != nil {
		return nil, err
	}
	return &Folder{path: path, period: period, reader: r}, nil
}

// Run gives set the folder's pods, at once and whenever they change, until ctx ends.
func (f *Folder) Run(ctx context.Context, set func([]*v1.Pod)) {
	log := klog.FromContext(ctx)
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		log.Error(err, "Cannot watch for static pods; the folder is read at intervals only", "folder", f.path)
		f.poll(ctx, set)
		return
	}
	defer func() { _ = watcher.Close() }()
	ticker := time.NewTicker(f.period)
	defer ticker.Stop()
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-watcher.Events:
			quiet.Reset(settle)
		case err := <-watcher.Errors:
			log.V(2).Info("Watching the folder of static pods", "folder", f.path, "err", err)
			quiet.Reset(settle)
		case <-ticker.C:
			quiet.Reset(0)
		case <-quiet.C:
			if len(watcher.WatchList()) == 0 { // it wasn't there, or went and came back
				_ = watcher.Add(f.path) // it is read at intervals all the same
			}
			f.read(log, set)
		}
	}
}

// poll reads the folder at intervals.
func (f *Folder) poll(ctx context.Context, set func([]*v1.Pod)) {
	ticker := time.NewTicker(f.period)
	defer ticker.Stop()
	for {
		f.read(klog.FromContext(ctx), set)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// read gives set the pods of the folder. A folder that can't be read leaves all as it is.
func (f *Folder) read(log klog.Logger, set func([]*v1.Pod)) {
	pods, errs, err := f.reader.folder(f.path)
	if err != nil {
		log.Error(err, "Cannot read the folder of static pods")
		return
	}
	said := map[string]bool{}
	for _, err := range errs {
		if said[err.Error()] = true; !f.last[err.Error()] {
			log.Error(err, "Not a static pod that can run")
		}
	}
	f.last = said
	set(pods)
}
