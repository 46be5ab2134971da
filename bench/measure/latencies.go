package measure

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// LatencyMax is the longest latency told apart; longer ones count as this long.
	LatencyMax = 2 * time.Minute
	// latencyUnit is the finest difference kept. A loopback request takes tens of microseconds.
	latencyUnit = time.Microsecond
	// significantDigits bounds the error of a percentile at 0.1 %.
	significantDigits = 3
	// shardCount spreads recorders over locks. A histogram takes about 200 KiB, so one per client
	// would not stay in the cache.
	shardCount = 8
)

// Latencies is an HDR histogram that many goroutines record into.
type Latencies struct {
	next   atomic.Uint32
	shards [shardCount]shard
}

// shard is one lock and the histogram it guards.
type shard struct {
	mu   sync.Mutex
	hist *hdrhistogram.Histogram
}

// Recorder records into one of the histogram's shards. Each client goroutine takes its own.
type Recorder struct {
	shard *shard
}

// NewLatencies returns an empty histogram.
func NewLatencies() *Latencies {
	l := &Latencies{}
	for i := range l.shards {
		l.shards[i].hist = newHistogram()
	}
	return l
}

// newHistogram counts in units of latencyUnit.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(LatencyMax/latencyUnit), significantDigits)
}

// Recorder hands out the shards in turn.
func (l *Latencies) Recorder() Recorder {
	return Recorder{shard: &l.shards[l.next.Add(1)%shardCount]}
}

// Record adds one latency; it is kept within [0, LatencyMax].
func (r Recorder) Record(d time.Duration) {
	v := min(max(int64(d/latencyUnit), 0), int64(LatencyMax/latencyUnit))
	r.shard.mu.Lock()
	_ = r.shard.hist.RecordValue(v) // cannot fail: v is in range
	r.shard.mu.Unlock()
}

// Percentiles is what is reported of a histogram. Durations are exact to 0.1 % or one microsecond.
type Percentiles struct {
	Count int64         `json:"count"`
	Mean  time.Duration `json:"mean_ns"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	Max   time.Duration `json:"max_ns"`
}

// Percentiles merges the shards. Recorders may go on meanwhile; each shard is read consistently.
func (l *Latencies) Percentiles() Percentiles {
	all := newHistogram()
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		all.Merge(s.hist)
		s.mu.Unlock()
	}
	at := func(p float64) time.Duration { return time.Duration(all.ValueAtPercentile(p)) * latencyUnit }
	return Percentiles{
		Count: all.TotalCount(),
		Mean:  time.Duration(all.Mean() * float64(latencyUnit)),
		P50:   at(50),
		P90:   at(90),
		P99:   at(99),
		P999:  at(99.9),
		Max:   time.Duration(all.Max()) * latencyUnit,
	}
}
