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
	// secondDigits bounds the error of a second's percentile at 6 %: enough for a curve, and small enough to keep for an hour.
	secondDigits = 1
	// shardCount spreads recorders over locks. A histogram takes about 200 KiB, so one per client
	// would not stay in the cache.
	shardCount = 8
)

// Latencies is an HDR histogram that many goroutines record into, and a coarse one for each second.
type Latencies struct {
	next   atomic.Uint32
	shards [shardCount]shard
}

// shard is one lock and the histograms it guards.
type shard struct {
	mu      sync.Mutex
	hist    *hdrhistogram.Histogram
	seconds []*hdrhistogram.Histogram
}

// Recorder records into one of the histogram's shards. Each client goroutine takes its own.
type Recorder struct {
	shard *shard
}

// NewLatencies returns an empty histogram.
func NewLatencies() *Latencies {
	l := &Latencies{}
	for i := range l.shards {
		l.shards[i].hist = newHistogram(significantDigits)
	}
	return l
}

// newHistogram counts in units of latencyUnit.
func newHistogram(digits int) *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(LatencyMax/latencyUnit), digits)
}

// Recorder hands out the shards in turn.
func (l *Latencies) Recorder() Recorder {
	return Recorder{shard: &l.shards[l.next.Add(1)%shardCount]}
}

// Record adds one latency; it is kept within [0, LatencyMax].
func (r Recorder) Record(d time.Duration) {
	r.shard.mu.Lock()
	_ = r.shard.hist.RecordValue(units(d)) // cannot fail: the value is in range
	r.shard.mu.Unlock()
}

// RecordAt adds one latency, for the second of the run in which it began, too.
func (r Recorder) RecordAt(offset, d time.Duration) {
	second, v := int(max(offset, 0)/time.Second), units(d)
	s := r.shard
	s.mu.Lock()
	for len(s.seconds) <= second {
		s.seconds = append(s.seconds, newHistogram(secondDigits))
	}
	_, _ = s.hist.RecordValue(v), s.seconds[second].RecordValue(v) // cannot fail: the value is in range
	s.mu.Unlock()
}

// units is a latency as the histograms count it, kept within [0, LatencyMax].
func units(d time.Duration) int64 {
	return min(max(int64(d/latencyUnit), 0), int64(LatencyMax/latencyUnit))
}

// Percentiles is what is reported of a histogram. Durations are exact to 0.1 % or one microsecond.
type Percentiles struct {
	Count int64           `json:"count"`
	Mean  time.Duration   `json:"mean_ns"`
	P50   time.Duration   `json:"p50_ns"`
	P90   time.Duration   `json:"p90_ns"`
	P99   time.Duration   `json:"p99_ns"`
	P999  time.Duration   `json:"p999_ns"`
	Max   time.Duration   `json:"max_ns"`
	Curve []time.Duration `json:"curve_ns,omitempty"` // at each of CurveAt
}

// CurveAt is where a curve of percentiles has its points: the rarer, the closer.
func CurveAt() []float64 {
	return []float64{10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.975, 99.99, 100}
}

// Percentiles merges the shards. Recorders may go on meanwhile; each shard is read consistently.
func (l *Latencies) Percentiles() Percentiles {
	all := newHistogram(significantDigits)
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		all.Merge(s.hist)
		s.mu.Unlock()
	}
	at := func(p float64) time.Duration { return time.Duration(all.ValueAtPercentile(p)) * latencyUnit }
	p := Percentiles{
		Count: all.TotalCount(),
		Mean:  time.Duration(all.Mean() * float64(latencyUnit)),
		P50:   at(50),
		P90:   at(90),
		P99:   at(99),
		P999:  at(99.9),
		Max:   time.Duration(all.Max()) * latencyUnit,
	}
	if p.Count > 0 {
		for _, q := range CurveAt() {
			p.Curve = append(p.Curve, at(q))
		}
	}
	return p
}

// Second is what began in one second of a run.
type Second struct {
	Count int64         `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P99   time.Duration `json:"p99_ns"`
	Max   time.Duration `json:"max_ns"`
}

// Seconds merges the shards' seconds; one in which nothing began is all zero.
func (l *Latencies) Seconds() []Second {
	var merged []*hdrhistogram.Histogram
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		for second, hist := range s.seconds {
			if second == len(merged) {
				merged = append(merged, newHistogram(secondDigits))
			}
			merged[second].Merge(hist)
		}
		s.mu.Unlock()
	}
	var out []Second
	for _, hist := range merged {
		at := func(p float64) time.Duration { return time.Duration(hist.ValueAtPercentile(p)) * latencyUnit }
		out = append(out, Second{Count: hist.TotalCount(), P50: at(50), P99: at(99), Max: time.Duration(hist.Max()) * latencyUnit})
	}
	return out
}
