package turn

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/workload"
)

// sleeper is an operation of 10 ms.
type sleeper struct{}

func (sleeper) Do(context.Context, uint64) error {
	time.Sleep(10 * time.Millisecond)
	return nil
}

// TestWhileLastsAsLongAsWhatItIsBeside, and a moment at least.
func TestWhileLastsAsLongAsWhatItIsBeside(t *testing.T) {
	for took, want := range map[time.Duration]uint64{5 * time.Second: 500, time.Millisecond: 100} {
		synctest.Test(t, func(t *testing.T) {
			res, err := while(t.Context(), []driver.Client{sleeper{}}, driver.Load{}, func(context.Context) error {
				time.Sleep(took)
				return nil
			})
			require.NoError(t, err)
			require.InDelta(t, want, res.Done, 2)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		_, err := while(t.Context(), []driver.Client{sleeper{}}, driver.Load{}, func(context.Context) error { return broken })
		require.ErrorIs(t, err, broken)
	})
}

// TestSnapshotsEndWithTheirDigest, however the stream is cut.
func TestSnapshotsEndWithTheirDigest(t *testing.T) {
	body := make([]byte, 1000)
	for i := range body {
		body[i] = byte(i * i)
	}
	sum := sha256.Sum256(body)
	stream := append(body, sum[:]...)
	for _, part := range []int{1, 7, 31, 32, 33, 999, 2000} {
		for _, flip := range []bool{false, true} {
			d := &digested{digest: sha256.New()}
			for at := 0; at < len(stream); at += part {
				p := append([]byte(nil), stream[at:min(at+part, len(stream))]...)
				if flip && at == 0 {
					p[0]++
				}
				d.write(p)
			}
			require.Equal(t, !flip, d.whole(), part)
		}
	}
	require.False(t, (&digested{digest: sha256.New()}).whole(), "nothing came")
}

func TestGrowth(t *testing.T) {
	require.InDelta(t, 3, growth(2*time.Second, 6*time.Second), 1e-9)
	require.Zero(t, growth(0.0, 6))
}

// TestAgeCountsBytes: as many keys as make up the live bytes.
func TestAgeCountsBytes(t *testing.T) {
	a := Age{Live: 1 << 20, History: 1 << 20,
		Data: workload.Data{Keys: workload.Keys{Size: 24}, Values: workload.Values{Size: 1000, Kind: workload.Pod}}}
	require.NoError(t, a.Begin(1))
	require.EqualValues(t, 1024, a.Data.Keys.Space)
	a.Live = 0
	require.ErrorIs(t, a.Begin(1), ErrSettings)
}
