package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/petcd/petcd/server/process"
)

// Restored makes a cluster of one member from a saved snapshot, as an operator would, and returns how long the restore itself took.
func (t *Target) Restored(ctx context.Context, snapshot string) (_ *Target, took time.Duration, err error) {
	if t.Spec.Restore == "" {
		return nil, 0, fmt.Errorf("%w: %s", ErrNoRestore, t.Spec.Name)
	}
	dir, err := os.MkdirTemp(t.dir, "restored-")
	if err != nil {
		return nil, 0, fmt.Errorf("target: folder of the restored member: %w", err)
	}
	cluster, err := process.New(process.Config{Binary: t.Spec.Binary, Root: dir, Flags: t.options.Flags, Token: clusterToken})
	if err != nil {
		return nil, 0, fmt.Errorf("target: restore: %w", err)
	}
	m := cluster.Member(0)
	began := time.Now()
	cmd := exec.CommandContext(ctx, t.Spec.Restore, "snapshot", "restore", snapshot, "--data-dir="+m.DataDir, "--name="+m.Name,
		"--initial-cluster="+m.Name+"="+m.AdvertisePeerURL, "--initial-advertise-peer-urls="+m.AdvertisePeerURL,
		"--initial-cluster-token="+clusterToken)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=3")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, 0, fmt.Errorf("target: restore: %w: %s", err, out)
	}
	took = time.Since(began)
	err = cluster.StartAll()
	if err == nil {
		err = cluster.WaitHealthy(ctx)
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("target: start what was restored: %w", err), cluster.Close())
	}
	restored := &Target{Spec: t.Spec, Endpoints: cluster.Endpoints(), dir: dir, options: t.options, cluster: cluster}
	return restored, took, nil
}
