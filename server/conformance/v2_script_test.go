package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// v2Scripts are the cases of API 2 that are a list of requests and their answers, recorded from the real etcd:
//
//	PETCD_RECORD=1 PETCD_CONFORMANCE=3.4.23 go test -run TestConformanceV2 ./server/conformance
//
// A case begins with "== name", a request with ">", a comment with "#"; what follows a request is its answer, as
// v2Run.do writes it:
//
//	> METHOD /key [form] [| Header: value]   a request for a key below the case's own directory; /v2/... is the path as it is
//	                                         a value - leaves the header out; "as: NAME:PASSWORD" is HTTP's basic
//	                                         authentication, "as: NAME" the certificate of that name
//	> watch NAME /key?wait=true              opens a watch; its answer is the header
//	> next NAME                              the watch's next line
//	> end NAME                               what is left of the watch, to its end
//	> close NAME                             the client leaves
//
// Indexes are named in the order in which a case sees them (i1, i2, …), and can be named in a request: {i1}, {i1+1}.
const v2Scripts = "testdata/v2"

// v2Step is a request with its answer, or a comment.
type v2Step struct {
	comment string
	request string
	answer  []string
}

// v2Case is a named list of requests.
type v2Case struct {
	name  string
	steps []v2Step
}

// v2Script registers the cases of a family's file.
func v2Script(s *suite) {
	file := filepath.Join(v2Scripts, s.family.name+".txt")
	intro, cases := readV2Script(s.t, file)
	record := os.Getenv("PETCD_RECORD") != ""
	var mu sync.Mutex
	recorded := map[string][]v2Step{}
	if record {
		s.t.Cleanup(func() { writeV2Script(s.t, file, intro, cases, recorded) })
	}
	for _, c := range cases {
		s.run(c.name, func(t *testing.T, e *env) {
			r := newV2Run(t, e)
			var steps []v2Step
			for _, step := range c.steps {
				if step.request == "" {
					steps = append(steps, step)
					continue
				}
				got := r.do(step.request)
				if !record {
					require.Equal(t, strings.Join(step.answer, "\n"), strings.Join(got, "\n"), "> %s", step.request)
				}
				steps = append(steps, v2Step{request: step.request, answer: got})
			}
			mu.Lock()
			defer mu.Unlock()
			recorded[c.name] = steps
		})
	}
}

// readV2Script reads a file of cases, and what stands before the first.
func readV2Script(t *testing.T, file string) (intro []string, cases []v2Case) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if name, found := strings.CutPrefix(line, "== "); found {
			cases = append(cases, v2Case{name: name})
			continue
		}
		if len(cases) == 0 {
			intro = append(intro, line)
			continue
		}
		c := &cases[len(cases)-1]
		switch {
		case strings.HasPrefix(line, "#"):
			c.steps = append(c.steps, v2Step{comment: line})
		case strings.HasPrefix(line, "> "):
			c.steps = append(c.steps, v2Step{request: line[2:]})
		case line != "":
			require.NotEmpty(t, c.steps, "%s: %s: an answer without a request", file, c.name)
			last := &c.steps[len(c.steps)-1]
			last.answer = append(last.answer, line)
		}
	}
	require.NotEmpty(t, cases, file)
	return intro, cases
}

// writeV2Script writes a file of cases with the answers that were recorded.
func writeV2Script(t *testing.T, file string, intro []string, cases []v2Case, recorded map[string][]v2Step) {
	var b strings.Builder
	b.WriteString(strings.TrimRight(strings.Join(intro, "\n"), "\n") + "\n")
	for _, c := range cases {
		steps, found := recorded[c.name]
		if !found || t.Failed() {
			return
		}
		b.WriteString("\n== " + c.name + "\n")
		for _, s := range steps {
			if s.comment != "" {
				b.WriteString(s.comment + "\n")
				continue
			}
			b.WriteString("> " + s.request + "\n")
			for _, line := range s.answer {
				b.WriteString(line + "\n")
			}
		}
	}
	require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
}
