package mutants

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestJudge tells a failed assertion from everything else that ends a run of tests badly.
func TestJudge(t *testing.T) {
	const begun = `{"Action":"run","Test":"TestA"}` + "\n"
	const failed = `{"Action":"fail","Test":"TestA"}` + "\n" + `{"Action":"fail"}` + "\n"
	for name, c := range map[string]struct {
		out, broken string
		caught      bool
	}{
		"an assertion":  {out: begun + `{"Action":"output","Test":"TestA","Output":"    Error Trace:\n"}` + "\n" + failed, caught: true},
		"a success":     {out: begun + `{"Action":"pass","Test":"TestA"}` + "\n"},
		"a hang":        {out: begun + `{"Action":"output","Test":"TestA","Output":"panic: test timed out after 4m0s\n"}` + "\n" + failed, broken: "it hangs", caught: true},
		"a panic":       {out: begun + `{"Action":"output","Test":"TestA","Output":"panic: runtime error\n"}` + "\n" + failed, broken: "it ends the test by a panic", caught: true},
		"a build":       {out: `{"Action":"build-output","Output":"x.go:1: undefined: y\n"}` + "\n" + `{"Action":"build-fail"}` + "\n" + `{"Action":"fail"}` + "\n", broken: "it does not compile"},
		"nothing":       {out: "testing: warning: no tests to run\n", broken: "no test ran"},
		"a leak at end": {out: begun + `{"Action":"pass","Test":"TestA"}` + "\n" + `{"Action":"fail"}` + "\n"},
	} {
		v := judge([]byte(c.out))
		require.Equal(t, c.broken, v.broken, name)
		require.Equal(t, c.caught, len(v.failed) > 0, name)
	}
}

// TestParse reads a mutant and refuses what is none.
func TestParse(t *testing.T) {
	m, err := parse("m", "fault: f\npackage: ./p\nrun: ^TestA$\n\n>>> a.go\nold\n===\nnew\n<<<\n>>> b.go\ngone\n===\n<<<\n")
	require.NoError(t, err)
	require.Equal(t, []edit{{"a.go", "old\n", "new\n"}, {"b.go", "gone\n", ""}}, m.edits)
	for _, bad := range []string{
		"", "fault: f\npackage: ./p\nrun: ^TestA$\n", "fault: f\nfault: g\n", "nonsense\n",
		"fault: f\npackage: ./p\nrun: r\n>>> a.go\nold\n===\nnew\n",
	} {
		_, err := parse("m", bad)
		require.Error(t, err, bad)
	}
}
