package v2copy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// Format is the name of the file's format.
const Format = "petcd-v2-tree/1"

// ErrMalformed says that a file is not one that Write wrote.
var ErrMalformed = errors.New("v2copy: not an export of API 2's keys")

// Tree is the keys of a cluster, a directory before what is in it.
type Tree struct {
	Format string `json:"format"`
	Index  uint64 `json:"index"`
	Nodes  []Node `json:"nodes"`
}

// Node is a file, or a directory.
type Node struct {
	Key           string     `json:"key"`
	Dir           bool       `json:"dir,omitempty"`
	Value         string     `json:"value,omitempty"` // of a file
	Expiration    *time.Time `json:"expiration,omitempty"`
	CreatedIndex  uint64     `json:"createdIndex,omitempty"`
	ModifiedIndex uint64     `json:"modifiedIndex,omitempty"`
}

// Count is how many files and directories a tree has.
func (t *Tree) Count() (files, dirs int) {
	for _, n := range t.Nodes {
		if n.Dir {
			dirs++
		} else {
			files++
		}
	}
	return files, dirs
}

// sort puts directories before what is in them.
func (t *Tree) sort() {
	slices.SortFunc(t.Nodes, func(a, b Node) int {
		return cmp.Or(cmp.Compare(strings.Count(a.Key, "/"), strings.Count(b.Key, "/")), cmp.Compare(a.Key, b.Key))
	})
}

// Write writes the file, a line for each node.
func (t *Tree) Write(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "{\"format\": %q, \"index\": %d, \"nodes\": [", Format, t.Index); err != nil {
		return err
	}
	for i, n := range t.Nodes {
		line, err := json.Marshal(n)
		if err != nil {
			return err
		}
		separator := "\n"
		if i > 0 {
			separator = ",\n"
		}
		if _, err := fmt.Fprintf(w, "%s%s", separator, line); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "\n]}\n")
	return err
}

// Read reads a file and checks that every node has a place.
func Read(r io.Reader) (*Tree, error) {
	t := &Tree{}
	if err := json.NewDecoder(r).Decode(t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if t.Format != Format {
		return nil, fmt.Errorf("%w: its format is %.40q", ErrMalformed, t.Format)
	}
	return t, t.check()
}

// check verifies that keys are clean and different, and that each lies in a directory that came before.
func (t *Tree) check() error {
	dirs := map[string]bool{"/": true}
	for _, n := range t.Nodes {
		_, seen := dirs[n.Key]
		switch {
		case !strings.HasPrefix(n.Key, "/") || path.Clean(n.Key) != n.Key || seen:
			return fmt.Errorf("%w: key %.200q", ErrMalformed, n.Key)
		case !dirs[path.Dir(n.Key)]:
			return fmt.Errorf("%w: key %.200q has no directory before it", ErrMalformed, n.Key)
		case n.Dir && n.Value != "":
			return fmt.Errorf("%w: directory %.200q with a value", ErrMalformed, n.Key)
		}
		dirs[n.Key] = n.Dir
	}
	return nil
}
