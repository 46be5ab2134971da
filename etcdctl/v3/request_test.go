package v3

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/etcdctl/host"
)

func TestParseRequest(t *testing.T) {
	c := &ctl{Process: host.Process{Stderr: io.Discard}}
	op, err := c.parseRequest(`put "a b" 'c d' --prev-kv --lease 1f`)
	require.NoError(t, err)
	require.True(t, op.IsPut())
	require.Equal(t, "a b", string(op.KeyBytes()))
	require.Equal(t, "c d", string(op.ValueBytes()))

	op, err = c.parseRequest(`get a --prefix --keys-only`)
	require.NoError(t, err)
	require.True(t, op.IsGet())
	require.True(t, op.IsKeysOnly())
	require.Equal(t, "b", string(op.RangeBytes()))

	// The flags of one line are not those of the next.
	op, err = c.parseRequest(`get a`)
	require.NoError(t, err)
	require.False(t, op.IsKeysOnly())
	require.Empty(t, op.RangeBytes())

	op, err = c.parseRequest(`del a c --range`)
	require.NoError(t, err)
	require.True(t, op.IsDelete())
	require.Equal(t, "c", string(op.RangeBytes()))

	for line, code := range map[string]int{
		``:                     exitError, // readPart makes these exitInvalidInput
		`put`:                  exitError,
		`dance a b`:            exitError,
		`put --nope a b`:       exitError,
		`put "\q" b`:           exitInvalidInput,
		`put a`:                exitBadArgs,
		`get a --sort-by x`:    exitBadFeature,
		`del a b c`:            exitBadArgs,
		`put a b --lease here`: exitBadArgs,
	} {
		_, err := c.parseRequest(line)
		require.Error(t, err, line)
		require.Equal(t, code, exitCode(err), line)
	}
}

// FuzzParseRequest feeds lines of a transaction to the parser, which must
// answer with a request or an error.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{`put a b`, `get --prefix ''`, `del a --from-key`, `p -- -k -v`, `g "a" --limit=9 --rev 3`, `put a --help`} {
		f.Add(seed)
	}
	c := &ctl{Process: host.Process{Stderr: io.Discard}}
	f.Fuzz(func(t *testing.T, line string) {
		if words, err := splitWords(line); err == nil && len(words) > 0 && strings.HasPrefix("del", words[0]) {
			line += " --range" // a bare range waits for two seconds
		}
		op, err := c.parseRequest(line)
		if err == nil && !op.IsPut() && !op.IsGet() && !op.IsDelete() {
			t.Fatalf("%q gave no request", line)
		}
	})
}

func TestWatchTarget(t *testing.T) {
	none := watchEnv{}
	key := watchEnv{key: "k", rangeEnd: "l"}
	for _, c := range []struct {
		env  watchEnv
		args []string
		dash int
		want watchTarget
		err  error
	}{
		{none, []string{"a"}, -1, watchTarget{keys: []string{"a"}}, nil},
		{none, []string{"a", "b", "echo", "a"}, 2, watchTarget{[]string{"a", "b"}, []string{"echo", "a"}}, nil},
		{none, []string{"a"}, 1, watchTarget{}, errArgsSeparator},
		{none, []string{"echo", "echo"}, 1, watchTarget{[]string{"echo"}, []string{"echo"}}, nil},
		{key, nil, -1, watchTarget{keys: []string{"k", "l"}}, nil},
		{key, []string{"echo"}, 0, watchTarget{[]string{"k", "l"}, []string{"echo"}}, nil},
		{key, []string{"a"}, -1, watchTarget{}, errArgsConflict},
		{key, []string{"a", "echo"}, 1, watchTarget{}, errArgsConflict},
	} {
		got, err := c.env.target(c.args, c.dash)
		require.ErrorIs(t, err, c.err, "%q", c.args)
		require.Equal(t, c.want, got, "%q", c.args)
	}
}

// FuzzParseWatchLine feeds lines of an interactive watch to the parser, which
// must answer with a key or an error.
func FuzzParseWatchLine(f *testing.F) {
	for _, seed := range []string{`a`, `a b --rev 3`, `--prefix "a"`, `a -- echo x`, `a --`, `-i a`, `--rev=x`} {
		f.Add(seed, "", "")
		f.Add(seed, "k", "l")
	}
	f.Fuzz(func(t *testing.T, line, key, rangeEnd string) {
		words, err := splitWords(line)
		if err != nil {
			return
		}
		flags, target, err := watchEnv{key: key, rangeEnd: rangeEnd}.parseWatchLine(words)
		if err != nil {
			return
		}
		if _, _, err := flags.options(target); err == nil {
			require.NotEmpty(t, target.keys)
		}
	})
}
