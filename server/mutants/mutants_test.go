package mutants

import (
	"context"
	"go/format"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// known are the correctness bugs that etcd has on record, and those of its change logs that could be made here, too.
var known = []string{
	"13766", "14370", "14571", "14685", "15220", "15271", "17247", "17529", "17780", "18055", "18089", "18667", "19179",
	"20221 (notifications)", "20221 (old events)", "20271", "20418",
	"3.5.13", "3.5.17", "3.5.20", "3.5.26", "3.6.1", "3.6.5", "3.6.9", "3.6.12", "3.7.0",
}

// all reads the mutants and finds the tree.
func all(t *testing.T) (all []*mutant, root string) {
	t.Helper()
	all, err := mutants("testdata")
	require.NoError(t, err)
	require.NotEmpty(t, all)
	root, err = process.RepositoryRoot()
	require.NoError(t, err)
	return all, root
}

func TestEveryKnownBugHasAMutant(t *testing.T) {
	all, _ := all(t)
	for _, bug := range known {
		require.True(t, slices.ContainsFunc(all, func(m *mutant) bool { return m.bug == bug }), "no mutant brings %s back", bug)
	}
	for _, m := range all {
		require.True(t, m.bug == "" || slices.Contains(known, m.bug), "%s: %s is no known bug", m.name, m.bug)
	}
}

// TestEveryMutantApplies keeps the mutants in step with the code: their lines are there, what they make is Go, and their tests
// exist.
func TestEveryMutantApplies(t *testing.T) {
	all, root := all(t)
	for _, m := range all {
		files, err := m.mutated(root)
		require.NoError(t, err, m.name)
		for name, text := range files {
			_, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
			require.NoError(t, err, m.name)
			formatted, err := format.Source([]byte(text))
			require.NoError(t, err, m.name)
			require.Equal(t, string(formatted), text, "%s is not formatted", m.name)
		}
		require.NotEmpty(t, testsOf(t, root, m), "%s: %s has no test %s", m.name, m.pkg, m.run)
	}
}

var testName = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// testsOf are the tests of the mutant's package that its pattern names.
func testsOf(t *testing.T, root string, m *mutant) (names []string) {
	run, err := regexp.Compile(m.run)
	require.NoError(t, err, m.name)
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(m.pkg), "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range testName.FindAllSubmatch(text, -1) {
			if name := string(found[1]); run.MatchString(name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// TestDrawnMutantsCompile builds the packages that a few mutants change.
func TestDrawnMutantsCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles")
	}
	all, root := all(t)
	seed, _ := strconv.ParseUint(os.Getenv("PETCD_SEED"), 10, 64)
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("PETCD_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 2 {
		m := all[rng.IntN(len(all))]
		overlay, err := m.overlay(root, t.TempDir())
		require.NoError(t, err)
		out, err := goCommand(t.Context(), root, "build", "-overlay", overlay, "./"+path.Dir(m.edits[0].file))
		require.NoError(t, err, "%s:\n%s", m.name, out)
	}
}

// TestMutants runs the mutants' tests, of each package together, without any mutant, where they must pass; then each mutant's with
// it, where one must fail.
func TestMutants(t *testing.T) {
	chosen, root := chosen(t)
	t.Run("without", func(t *testing.T) {
		for pkg, run := range testsByPackage(chosen) {
			t.Run(path.Base(pkg), func(t *testing.T) {
				v := runTests(t, root, pkg, run, "")
				require.Empty(t, v.broken, v.output)
				require.Empty(t, v.failed, v.output)
			})
		}
	})
	t.Run("with", func(t *testing.T) {
		for _, m := range chosen {
			t.Run(m.name, func(t *testing.T) {
				overlay, err := m.overlay(root, t.TempDir())
				require.NoError(t, err)
				v := runTests(t, root, m.pkg, m.run, overlay)
				require.Empty(t, v.broken, "%s:\n%s", m.fault, v.output)
				require.NotEmpty(t, v.failed, "it survived %s of %s: %s", m.run, m.pkg, m.fault)
				t.Logf("caught by %s", v.failed[0])
			})
		}
	})
}

// chosen are the mutants that PETCD_MUTANTS names; the test is skipped when it names none.
func chosen(t *testing.T) (some []*mutant, root string) {
	t.Helper()
	wanted := os.Getenv("PETCD_MUTANTS")
	if wanted == "" {
		t.Skip("PETCD_MUTANTS=all runs them")
	}
	all, root := all(t)
	if wanted == "all" {
		return all, root
	}
	for _, name := range strings.Split(wanted, ",") {
		i := slices.IndexFunc(all, func(m *mutant) bool { return m.name == name })
		require.NotEqual(t, -1, i, "there is no mutant %s", name)
		some = append(some, all[i])
	}
	return some, root
}

// testsByPackage joins the patterns of the tests of each package.
func testsByPackage(ms []*mutant) map[string]string {
	joined := map[string]string{}
	for _, m := range ms {
		if run := joined[m.pkg]; run == "" {
			joined[m.pkg] = m.run
		} else if !strings.Contains(run, m.run) {
			joined[m.pkg] = run + "|" + m.run
		}
	}
	return joined
}

// runTests runs tests of a package under a time limit that leaves room for building them.
func runTests(t *testing.T, root, pkg, run, overlay string) verdict {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	v, err := goTest(ctx, root, pkg, run, overlay)
	require.NoError(t, err)
	return v
}
