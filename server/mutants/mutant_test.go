package mutants

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mutant is one fault.
type mutant struct {
	name  string // of its file
	bug   string // the release or issue of etcd that had it; empty for a classic mistake
	fault string // what goes wrong, in one sentence
	pkg   string // of the tests that must find it, as the go command names it
	run   string // the tests that must, one of which must fail
	edits []edit
}

// edit replaces whole lines of a file, which must be in there once.
type edit struct{ file, old, new string }

// Marks of an edit: ">>> FILE", the old lines, "===", the new lines, "<<<".
const (
	markOld = ">>> "
	markNew = "==="
	markEnd = "<<<"
)

// mutants reads all of a folder.
func mutants(dir string) (all []*mutant, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.mutant"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		m, err := parse(strings.TrimSuffix(filepath.Base(path), ".mutant"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// parse reads a mutant's file: "field: value" lines, then edits.
func parse(name, text string) (*mutant, error) {
	m := &mutant{name: name}
	fields := map[string]*string{"bug": &m.bug, "fault": &m.fault, "package": &m.pkg, "run": &m.run}
	var part *string // of the edit that is being read
	for n, line := range strings.SplitAfter(text, "\n") {
		bare := strings.TrimSuffix(line, "\n")
		switch {
		case part == nil && strings.HasPrefix(bare, markOld):
			m.edits = append(m.edits, edit{file: strings.TrimPrefix(bare, markOld)})
			part = &m.edits[len(m.edits)-1].old
		case part != nil && bare == markNew:
			part = &m.edits[len(m.edits)-1].new
		case part != nil && bare == markEnd:
			part = nil
		case part != nil:
			*part += line
		case bare == "":
		default:
			field, value, _ := strings.Cut(bare, ": ")
			to := fields[field]
			if to == nil || *to != "" || value == "" {
				return nil, fmt.Errorf("line %d: %q", n+1, bare)
			}
			*to = value
		}
	}
	if part != nil || len(m.edits) == 0 || m.fault == "" || m.pkg == "" || m.run == "" {
		return nil, fmt.Errorf("it lacks a field, an edit, or the end of one")
	}
	return m, nil
}

// mutated returns the text of the files that the mutant changes, by their paths in the tree below root.
func (m *mutant) mutated(root string) (map[string]string, error) {
	files := map[string]string{}
	for _, e := range m.edits {
		path := filepath.Join(root, filepath.FromSlash(e.file))
		text, known := files[path]
		if !known {
			b, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		if n := strings.Count("\n"+text, "\n"+e.old); n != 1 || e.old == "" || e.old == e.new {
			return nil, fmt.Errorf("%s has these lines %d times:\n%s", e.file, n, e.old)
		}
		files[path] = strings.TrimPrefix(strings.Replace("\n"+text, "\n"+e.old, "\n"+e.new, 1), "\n")
	}
	return files, nil
}
