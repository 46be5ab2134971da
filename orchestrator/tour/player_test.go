package tour

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// play plays a page's blocks here, without a cluster.
func play(t *testing.T, page string) (printed [][]string, err error) {
	t.Helper()
	d, err := Parse(page)
	require.NoError(t, err)
	dir := t.TempDir()
	p := &Player{Dir: dir, Env: environment("LC_ALL=C"), See: func(line string) string { return strings.ReplaceAll(line, dir, "/here") }}
	defer func() { require.NoError(t, p.Close()) }()
	for _, b := range d.Blocks {
		out, err := p.Play(t.Context(), b)
		printed = append(printed, out...)
		if err != nil {
			return printed, err
		}
	}
	return printed, nil
}

func TestATerminalLasts(t *testing.T) {
	printed, err := play(t, "```console\n$ export A=1; mkdir sub; cd sub\n$ echo $A; pwd; echo to stderr >&2\n$ cat; printf 'no end of line'\n$ echo a \\\n  b\n$ false\n```\n")
	require.NoError(t, err)
	require.Equal(t, [][]string{nil, {"1", "/here/sub", "to stderr"}, {"no end of line"}, {"a b"}, nil}, printed)
}

func TestProgramsInOtherTerminals(t *testing.T) {
	printed, err := play(t, "```console other-terminal\n$ echo up; trap 'echo bye; exit' INT; while :; do sleep 0.1; done\nup\n```\n"+
		"```console\n$ echo meanwhile\n```\n```console other-terminal\n^C\nbye\n```\n")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"up"}, {"meanwhile"}, {"bye"}}, printed)
}

func TestAProgramThatEndsTooSoon(t *testing.T) {
	_, err := play(t, "```console other-terminal\n$ echo broken\nup\n```\n")
	require.ErrorContains(t, err, "line 1: echo broken: the program has ended\nbroken")
	_, err = play(t, "```console other-terminal\n^C\n```\n")
	require.ErrorContains(t, err, "no program runs")
}

func TestATerminalThatIsLeft(t *testing.T) {
	_, err := play(t, "```console\n$ echo so far; exit 1\n```\n")
	require.ErrorContains(t, err, "line 1: echo so far; exit 1: EOF\nso far")
}
