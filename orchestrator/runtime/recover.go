package runtime

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/runtime/shim"
)

// recover takes over what an earlier daemon left: pods that run go on, what was half made or half removed is removed.
func (s *Server) recover() error {
	if err := s.loadSandboxes(); err != nil {
		return err
	}
	if err := s.loadContainers(); err != nil {
		return err
	}
	for _, b := range s.sandboxes {
		b.work.Lock()
		err := s.takeOver(b)
		b.work.Unlock()
		if err != nil {
			return fmt.Errorf("runtime: sandbox %s: %w", b.record.ID, err)
		}
	}
	for _, b := range s.sandboxes {
		if b.over == nil {
			s.follow(b)
		}
	}
	if err := s.network.Keep(func(pod string) bool {
		b := s.sandboxes[pod]
		return b != nil && b.record.Stage == running
	}); err != nil {
		return err
	}
	if err := s.removeStrangers(); err != nil {
		return err
	}
	return s.images.Sweep()
}

// loadSandboxes reads the sandboxes' records. A folder without one was only just begun.
func (s *Server) loadSandboxes() error {
	entries, err := os.ReadDir(s.stateDir("sandboxes"))
	if err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	for _, e := range entries {
		dir := s.sandboxDir(e.Name())
		b := &sandbox{config: &runtimeapi.PodSandboxConfig{}, client: shim.NewClient(dir)}
		err := load(dir, &b.record)
		if errors.Is(err, os.ErrNotExist) {
			err = os.RemoveAll(dir)
			if err != nil {
				return fmt.Errorf("runtime: %w", err)
			}
			continue
		}
		if err == nil {
			err = b.record.Config.unpack(b.config)
		}
		if err != nil {
			return err
		}
		s.sandboxes[b.record.ID] = b
	}
	return nil
}

// loadContainers reads the containers' records.
func (s *Server) loadContainers() error {
	entries, err := os.ReadDir(s.stateDir("containers"))
	if err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	for _, e := range entries {
		c := &container{config: &runtimeapi.ContainerConfig{}, done: make(chan struct{})}
		err := load(s.containerDir(e.Name()), &c.record)
		if errors.Is(err, os.ErrNotExist) || (err == nil && s.sandboxes[c.record.Sandbox] == nil) {
			c.record.ID = e.Name()
			if err := s.removeContainer(c); err != nil {
				return err
			}
			continue
		}
		if err == nil {
			err = c.record.Config.unpack(c.config)
		}
		if err != nil {
			return err
		}
		s.containers[c.record.ID] = c
		s.images.HoldDirs(c.record.Layers)
	}
	return nil
}

// takeOver asks a sandbox's shim how its containers are. b.work is held.
func (s *Server) takeOver(b *sandbox) error {
	if b.record.Stage == making {
		klog.InfoS("Removing a sandbox that was not finished", "sandbox", b.record.ID)
		return s.discard(b)
	}
	state, err := b.client.State()
	switch {
	case b.record.Stage == stopped, errors.Is(err, shim.ErrGone):
		s.lost(b)
		b.over = make(chan struct{})
		close(b.over)
		return s.endStarted(b)
	case err != nil:
		return err
	}
	b.alive = state.Alive
	for id, st := range state.Containers {
		c := s.containers[id]
		if c == nil {
			// Its record was removed, or never written: nobody will ask for it.
			if err := b.client.Signal(&shim.Signal{Container: id, Number: int(unix.SIGKILL), All: true}); err != nil {
				return err
			}
			continue
		}
		if c.record.Started.IsZero() {
			c.started(st.Started, &st.User)
			if err := save(s.containerDir(id), &c.record); err != nil {
				return err
			}
		}
	}
	return s.endStarted(b)
}

// endStarted enters the ends of containers that their shim, or a daemon, has written down.
func (s *Server) endStarted(b *sandbox) error {
	for _, c := range s.containersOf(b.record.ID) {
		exit, err := shim.ReadExit(s.exitFile(c.record.ID))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		s.ended(c, exit)
	}
	return nil
}

// removeStrangers removes what containers wrote that are known no longer.
func (s *Server) removeStrangers() error {
	entries, err := os.ReadDir(s.rootDir("containers"))
	if err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	for _, e := range entries {
		if s.containers[e.Name()] != nil {
			continue
		}
		if err := os.RemoveAll(s.rootDir("containers", e.Name())); err != nil {
			return fmt.Errorf("runtime: %w", err)
		}
	}
	return nil
}
