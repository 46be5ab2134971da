package v2auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage/v2store"
)

// Where the documents are. etcd has them in the same places.
const (
	base        = "/2"
	usersPath   = base + "/users"
	rolesPath   = base + "/roles"
	enabledPath = base + "/enabled"
)

// State is this member's copy of the v2 tree.
type State interface {
	V2Get(path string, recursive bool, now time.Time) (*v2store.Event, error)
	// V2AuthVersion is a number that moves with every change at or below /2: when that can be read or later, but before
	// the change is answered.
	V2AuthVersion() uint64
}

// Log is the cluster's.
type Log interface {
	ProposeV2(ctx context.Context, r *v2pb.Request) (*v2store.Event, error)
	// ReadBarrier returns once State has all that was answered before the call.
	ReadBarrier(ctx context.Context) error
}

// refusedWith tells whether an error is the tree's refusal with one of these codes.
func refusedWith(err error, codes ...v2store.Code) bool {
	var refusal *v2store.Error
	if !errors.As(err, &refusal) {
		return false
	}
	for _, code := range codes {
		if refusal.Code == code {
			return true
		}
	}
	return false
}

// document is a node's value, and the index of the change that gave it.
type document struct {
	value string
	index uint64
}

// readNamed reads the document of a user or a role, nil if it is not there.
func (s *Store) readNamed(dir, name string) (*document, error) {
	if !isName(name) {
		return nil, nil
	}
	return s.read(path.Join(dir, name))
}

// read reads a document, nil if it is not there.
func (s *Store) read(p string) (*document, error) {
	e, err := s.state.V2Get(p, false, time.Time{})
	switch {
	case refusedWith(err, v2store.CodeKeyNotFound, v2store.CodeNotDir):
		return nil, nil
	case err != nil:
		return nil, err
	case e.Node == nil || e.Node.Value == nil:
		return nil, fmt.Errorf("%w: %s is a directory", errMalformed, p)
	}
	return &document{value: *e.Node.Value, index: e.Node.ModifiedIndex}, nil
}

// names lists a directory. Names that begin with "_" are hidden, as all such nodes are.
func (s *Store) names(dir string) ([]string, error) {
	e, err := s.state.V2Get(dir, false, time.Time{})
	if refusedWith(err, v2store.CodeKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range e.Node.Nodes {
		names = append(names, path.Base(n.Key))
	}
	return names, nil
}

// isName tells whether a user or a role can have that name, which is that of a node.
func isName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.Contains(name, "/")
}

// create makes a document that must not be there.
func (s *Store) create(ctx context.Context, dir, name string, content any) error {
	if !isName(name) {
		return badName(name)
	}
	return s.put(ctx, path.Join(dir, name), content, false, 0)
}

// replace changes a document. With an index other than 0 it must be the one that this change made.
func (s *Store) replace(ctx context.Context, p string, content any, index uint64) error {
	return s.put(ctx, p, content, true, index)
}

func (s *Store) put(ctx context.Context, p string, content any, exists bool, index uint64) error {
	if err := s.ensure(ctx); err != nil {
		return err
	}
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	_, err = s.log.ProposeV2(ctx, &v2pb.Request{Method: "PUT", Path: p, Val: string(data), PrevExist: &exists, PrevIndex: index})
	return err
}

// remove deletes a document.
func (s *Store) remove(ctx context.Context, dir, name string) error {
	if !isName(name) {
		return badName(name)
	}
	if err := s.ensure(ctx); err != nil {
		return err
	}
	exists := true
	_, err := s.log.ProposeV2(ctx, &v2pb.Request{Method: "DELETE", Path: path.Join(dir, name), PrevExist: &exists})
	return err
}

// ensure makes the directories and the switch, once in the life of a cluster. The switch is the last of them, and nothing
// removes it.
func (s *Store) ensure(ctx context.Context) error {
	if s.ensured.Load() {
		return nil
	}
	if d, err := s.read(enabledPath); err != nil {
		return err
	} else if d == nil {
		exists := false
		for _, r := range []*v2pb.Request{
			{Path: base, Dir: true}, {Path: usersPath, Dir: true}, {Path: rolesPath, Dir: true}, {Path: enabledPath, Val: "false"},
		} {
			r.Method, r.PrevExist = "PUT", &exists
			if _, err := s.log.ProposeV2(ctx, r); err != nil && !refusedWith(err, v2store.CodeNodeExists) {
				return err
			}
		}
	}
	s.ensured.Store(true)
	return nil
}
