package storage

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/petcd/petcd/storage/schema"
)

// InstallSnapshot makes a staged state (see StageSnapshot) the store's state,
// durably. Readers that run finish on the old state, which is then removed.
// It belongs to the apply loop, between batches.
func (s *Store) InstallSnapshot(name string) error {
	if err := checkStaged(name); err != nil {
		return err
	}
	folder, err := s.nextEngine()
	if err != nil {
		return err
	}
	fs := s.o.FS
	path := fs.PathJoin(s.dir, folder)
	if err := fs.Rename(fs.PathJoin(s.dir, name), path); err != nil {
		return fmt.Errorf("storage: install snapshot: %w", err)
	}
	if err := syncDir(fs, s.dir); err != nil {
		return fmt.Errorf("storage: install snapshot: %w", err)
	}
	st, err := openState(path, s.o)
	if err != nil {
		return fmt.Errorf("storage: install snapshot: %w", err)
	}
	if err := s.startCompactor(st); err != nil {
		st.release()
		return errors.Join(err, st.err)
	}
	if err := writePointer(fs, s.dir, folder); err != nil {
		st.stop()
		st.release()
		return errors.Join(err, st.err)
	}
	st.loadHeads(s.o.Logger)
	return s.replace(st)
}

// checkStaged refuses what StageSnapshot cannot have returned.
func checkStaged(name string) error {
	if !strings.HasPrefix(name, schema.StagePrefix) || strings.ContainsAny(name, `/\`) {
		return fmt.Errorf("storage: %.60q is not the name of a staged snapshot", name)
	}
	return nil
}

// replace makes st the state and removes the old one once its readers are
// done.
func (s *Store) replace(st *state) error {
	old := s.state.Swap(st)
	s.removals.Add(1)
	go func() {
		defer s.removals.Done()
		<-old.closed
		if err := errors.Join(old.err, s.o.FS.RemoveAll(old.db.Dir())); err != nil {
			s.o.Logger.Warn("removing the replaced state failed", "folder", old.db.Dir(), "error", err)
		}
	}()
	old.stop()
	old.release()
	s.v2auth.Add(1)
	s.hub.Reset(st.kv.Revision())
	return s.v2hub.Reset()
}

// nextEngine is the name of an engine folder that does not exist.
func (s *Store) nextEngine() (string, error) {
	names, err := s.o.FS.List(s.dir)
	if err != nil {
		return "", fmt.Errorf("storage: %w", err)
	}
	last := 0
	for _, n := range names {
		if digits, ok := strings.CutPrefix(n, schema.EnginePrefix); ok {
			if i, err := strconv.Atoi(digits); err == nil {
				last = max(last, i)
			}
		}
	}
	return fmt.Sprintf("%s%06d", schema.EnginePrefix, last+1), nil
}
