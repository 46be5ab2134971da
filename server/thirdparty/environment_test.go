//go:build linux

package thirdparty

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

const (
	// healthTimeout bounds the start of a cluster.
	healthTimeout = 60 * time.Second
	// cleanupTime is kept free at the end of a run.
	cleanupTime = 45 * time.Second
)

// target is a server that the clients are run against.
type target struct {
	name  string
	etcd  string
	flags []string
}

// environment is what a run has at hand: the servers to test and the folder of the clients that fetch installed from npm.
type environment struct {
	targets []target
	npm     string
}

// prepare skips the test unless the clients were asked for; once they are, anything missing is a failure.
func prepare(t *testing.T) environment {
	t.Helper()
	if os.Getenv("PETCD_THIRDPARTY") == "" {
		t.Skip("third-party clients take minutes and their packages; make clients runs them")
	}
	t.Parallel() // they wait most of the time
	root, err := process.RepositoryRoot()
	require.NoError(t, err)
	env := environment{npm: filepath.Join(root, "bin", "clients", "npm", "node_modules")}
	if dir := os.Getenv("PETCD_CLIENTS"); dir != "" {
		env.npm = filepath.Join(dir, "npm", "node_modules")
	}
	for _, tg := range []target{
		{name: process.Petcd},
		{name: process.Etcd34, flags: []string{"--enable-v2"}},
	} {
		binaries, err := process.Locate(t.Context(), tg.name, t.TempDir())
		require.NoError(t, err)
		tg.etcd = binaries.Etcd
		env.targets = append(env.targets, tg)
	}
	return env
}

// eachTarget runs a test on every target, side by side.
func eachTarget(t *testing.T, run func(t *testing.T, env environment, tg target)) {
	t.Helper()
	env := prepare(t)
	for _, tg := range env.targets {
		t.Run(tg.name, func(t *testing.T) {
			t.Parallel()
			run(t, env, tg)
		})
	}
}

// start runs a cluster of the target's members until the test ends.
func (tg target) start(t *testing.T, config process.Config) *process.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), healthTimeout)
	defer cancel()
	config.Binary, config.Root = tg.etcd, t.TempDir()
	config.Flags = append(config.Flags, tg.flags...)
	c, err := process.Start(ctx, config)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			for _, m := range c.Members() {
				t.Logf("%s, the end of its log:\n%s", m.Name, m.LogTail(20))
			}
		}
		require.NoError(t, c.Close())
	})
	return c
}

// leader waits for the member that says in its metrics that it leads.
func leader(t *testing.T, c *process.Cluster) *process.Member {
	t.Helper()
	var found *process.Member
	until(t, healthTimeout, "a leader", func() bool {
		for _, m := range c.Members() {
			if _, body, err := m.Get(t.Context(), "/metrics"); err == nil && strings.Contains(body, "\netcd_server_is_leader 1\n") {
				found = m
			}
		}
		return found != nil
	})
	return found
}

// until polls a condition. It gives up before go test does, which would end this process without its cleanups and leave PostgreSQL running.
func until(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	if all, ok := t.Deadline(); ok && deadline.After(all.Add(-cleanupTime)) {
		deadline = all.Add(-cleanupTime)
	}
	for !cond() {
		require.True(t, time.Now().Before(deadline), "no %s within %v", what, limit)
		time.Sleep(100 * time.Millisecond)
	}
}
