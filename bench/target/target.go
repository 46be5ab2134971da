package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/petcd/petcd/bench/measure"
	"github.com/petcd/petcd/server/process"
)

// stopTimeout is how long a member may take over its SIGTERM before it is killed.
const stopTimeout = 60 * time.Second

// clusterToken keeps clusters of this program apart from others.
const clusterToken = "bench"

// Options are the same for every target of a run.
type Options struct {
	Members int
	Dir     string   // folder below which each cluster gets one of its own
	Flags   []string // for every server, beside those that make the cluster
	Keep    bool     // leave data and logs after Close
}

// Target is a cluster that runs.
type Target struct {
	Spec      Spec
	Endpoints []string

	dir     string
	options Options
	cluster *process.Cluster // nil for given endpoints
}

// Start brings the cluster up and waits until every member is healthy.
func Start(ctx context.Context, spec Spec, o Options) (*Target, error) {
	if spec.Binary == "" {
		return &Target{Spec: spec, Endpoints: spec.Endpoints}, nil
	}
	dir, err := os.MkdirTemp(o.Dir, "bench-")
	if err != nil {
		return nil, fmt.Errorf("target: folder for %s: %w", spec.Name, err)
	}
	cluster, err := process.Start(ctx, process.Config{
		Binary:  spec.Binary,
		Members: o.Members,
		Root:    dir,
		Flags:   o.Flags,
		Token:   clusterToken,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("target: start %s: %w", spec.Name, err), os.RemoveAll(dir))
	}
	return &Target{Spec: spec, Endpoints: cluster.Endpoints(), dir: dir, options: o, cluster: cluster}, nil
}

// Close ends the cluster.
func (t *Target) Close() error {
	if t.cluster == nil {
		return nil
	}
	err := t.cluster.Close()
	if !t.options.Keep {
		err = errors.Join(err, os.RemoveAll(t.dir))
	}
	return err
}

// Local says whether the server processes are this target's own; what needs them returns ErrRemote elsewhere.
func (t *Target) Local() bool { return t.cluster != nil }

// Dir is a folder that ends with the target; "" for given endpoints.
func (t *Target) Dir() string { return t.dir }

// Usage reads the server processes: CPU and memory summed over the members, all zero for given
// endpoints.
func (t *Target) Usage() (measure.Process, error) {
	if t.cluster == nil {
		return measure.Process{}, nil
	}
	var pids []int
	for _, m := range t.cluster.Members() {
		if m.Running() {
			pids = append(pids, m.PID())
		}
	}
	return measure.Processes(pids)
}

// DiskBytes is what all members keep on disk.
func (t *Target) DiskBytes() (int64, error) {
	if t.cluster == nil {
		return 0, nil
	}
	var dirs []string
	for _, m := range t.cluster.Members() {
		dirs = append(dirs, m.DataDir)
	}
	return measure.DiskBytes(dirs...)
}

// DiskFiles sums one member's folders two levels down, for telling log from state.
func (t *Target) DiskFiles(member int) (map[string]int64, error) {
	sizes := make(map[string]int64)
	if t.cluster == nil {
		return sizes, nil
	}
	root := t.cluster.Member(member).DataDir
	dirs, err := filepath.Glob(filepath.Join(root, "*", "*"))
	if err != nil {
		return nil, fmt.Errorf("target: folders of %s: %w", root, err)
	}
	for _, dir := range dirs {
		n, err := measure.DiskBytes(dir)
		if err != nil {
			return nil, err
		}
		name, err := filepath.Rel(root, dir)
		if err != nil {
			return nil, fmt.Errorf("target: folders of %s: %w", root, err)
		}
		sizes[name] = n
	}
	return sizes, nil
}

// Restart stops every member as an operator would, starts them again, and returns the time from then
// until all are healthy.
func (t *Target) Restart(ctx context.Context) (time.Duration, error) {
	if t.cluster == nil {
		return 0, fmt.Errorf("%w: restart", ErrRemote)
	}
	for _, m := range t.cluster.Members() {
		if err := m.Stop(stopTimeout); err != nil {
			return 0, fmt.Errorf("target: restart: %w", err)
		}
	}
	began := time.Now()
	if err := t.cluster.StartAll(); err != nil {
		return 0, fmt.Errorf("target: restart: %w", err)
	}
	if err := t.cluster.WaitHealthy(ctx); err != nil {
		return 0, fmt.Errorf("target: restart: %w", err)
	}
	return time.Since(began), nil
}
