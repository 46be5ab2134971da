package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// overlay writes the mutant's files into a folder, and returns the file that tells the go command to read them.
func (m *mutant) overlay(root, dir string) (path string, err error) {
	files, err := m.mutated(root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for original, text := range files {
		to := filepath.Join(dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(original)))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[original] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o600)
}

// goTest runs tests of a package, with an overlay or, for an empty one, without any. Random tests draw anew in each run with an
// overlay; without one the go command may know the answer from the last time.
func goTest(ctx context.Context, root, pkg, run, overlay string) (verdict, error) {
	args := []string{"test", "-json", "-vet=off", "-failfast", "-timeout", "8m", "-run", run}
	if overlay != "" {
		args = append(args, "-count=1", "-overlay", overlay)
	}
	out, err := goCommand(ctx, root, append(args, pkg)...)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return verdict{}, err
	}
	return judge(out), nil
}

// goCommand runs the go command in root and returns what it printed. The tests that it runs must not take themselves for a run
// of mutants.
func goCommand(ctx context.Context, root string, args ...string) ([]byte, error) {
	var out bytes.Buffer
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir, c.Stdout, c.Stderr = root, &out, &out
	c.Env = append(os.Environ(), "PETCD_MUTANTS=", "RAPID_NOFAILFILE=1")
	err := c.Run()
	return out.Bytes(), err
}

// verdict is what became of a run of tests.
type verdict struct {
	ran    int      // tests that began
	failed []string // those that failed by an assertion
	broken string   // why the run tells nothing: it did not compile, hung or panicked; empty when it tells something
	output string
}

// event is a line of go test -json.
type event struct {
	Action, Test, Output string
}

// judge reads the output of go test -json.
func judge(out []byte) (v verdict) {
	var text strings.Builder
	for line := range bytes.Lines(out) {
		var e event
		if json.Unmarshal(line, &e) != nil { // what a failing build prints is no event
			text.Write(line)
			continue
		}
		text.WriteString(e.Output)
		switch {
		case e.Action == "build-fail":
			v.broken = "it does not compile"
		case strings.HasPrefix(e.Output, "panic: test timed out"):
			v.broken = "it hangs"
		case strings.HasPrefix(e.Output, "panic: "), strings.HasPrefix(e.Output, "fatal error: "):
			v.broken = "it ends the test by a panic"
		case e.Action == "run":
			v.ran++
		case e.Action == "fail" && e.Test != "":
			v.failed = append(v.failed, e.Test)
		}
	}
	v.output = text.String()
	if v.broken == "" && v.ran == 0 {
		v.broken = "no test ran"
	}
	return v
}
