package v3

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/etcdctl/host"
)

func TestJudge(t *testing.T) {
	judged := func(m *measured) (string, error) {
		var out strings.Builder
		c := &ctl{Process: host.Process{Stdout: &out}}
		err := c.judge(m, 2)
		return out.String(), err
	}
	text, err := judged(&measured{took: 2 * time.Second, times: []float64{0.1, 0.1, 0.2, 0.2}})
	require.NoError(t, err)
	require.Equal(t, "PASS: Throughput is 3 writes/s\nPASS: Slowest request took 0.200000s\nPASS: Stddev is 0.050000s\nPASS\n", text)

	text, err = judged(&measured{
		took: 2 * time.Second, times: []float64{0.1, 0.9}, errors: map[string]int{"z": 1, "a": 2},
	})
	require.Equal(t, exitError, exitCode(err))
	require.True(t, reported(err))
	require.Equal(t, "FAIL: too many errors\nFAIL: ERROR(a) -> 2\nFAIL: ERROR(z) -> 1\n"+
		"FAIL: Throughput too low: 2 writes/s\nSlowest request took too long: 0.900000s\nStddev too high: 0.400000s\nFAIL\n", text)

	// Nothing succeeded: no figure is NaN.
	text, err = judged(&measured{took: time.Second, errors: map[string]int{"down": 1}})
	require.Equal(t, exitError, exitCode(err))
	require.NotContains(t, text, "NaN")
}

func TestRandomKeysDiffer(t *testing.T) {
	f := checkFlags{prefix: "/p/"}
	seen := make(map[string]bool)
	for range 1000 {
		key := f.randomKey(256)
		require.Len(t, key, len("/p/")+256)
		require.True(t, strings.HasPrefix(key, "/p/"))
		seen[key] = true
	}
	require.Len(t, seen, 1000)
}
