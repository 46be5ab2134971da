package main

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGCPercent(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name        string
		live, store int64
		headroom    int64 // MiB that are allocated before the next collection
	}{
		{"small member", 16 * mib, 4 * mib, 64},
		{"full cache", 256 * mib, 224 * mib, 64},
		{"many watchers", 640 * mib, 224 * mib, 416},
		{"figures of different moments", 64 * mib, 192 * mib, 64},
	} {
		t.Run(c.name, func(t *testing.T) {
			percent := int64(gcPercent(c.live, c.store))
			require.InDelta(t, c.headroom, c.live*percent/100/mib, float64(c.live)/100/mib, "%d %%", percent)
		})
	}
	require.Positive(t, gcPercent(0, 0))
}

// The pace follows what lives.
func TestPaceCollector(t *testing.T) {
	t.Setenv("GOGC", "")
	const bytes = 200 << 20
	paceCollector(t.Context(), func() int64 { return bytes })
	cache := make([]byte, bytes)
	require.Eventually(t, func() bool {
		runtime.GC()
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64() < 50
	}, 10*time.Second, 10*time.Millisecond)
	runtime.KeepAlive(cache)
}
