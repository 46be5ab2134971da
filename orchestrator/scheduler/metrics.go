package scheduler

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/petcd/petcd/orchestrator/scheduler/queue"
)

// Results of an attempt, as labels.
const (
	resultScheduled     = "scheduled"
	resultUnschedulable = "unschedulable"
	resultError         = "error"
)

// Metrics are those of one scheduler, by upstream's names.
type Metrics struct {
	registry prometheus.Registerer
	attempts *prometheus.CounterVec
	duration *prometheus.HistogramVec
	victims  prometheus.Counter
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	labels := []string{"profile", "result"}
	m := &Metrics{
		registry: r,
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "scheduler_schedule_attempts_total", Help: "Attempts to schedule pods, by what came of them.",
		}, labels),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "scheduler_scheduling_attempt_duration_seconds", Help: "How long attempts took, binding included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}, labels),
		victims: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "scheduler_preemption_victims_total", Help: "Pods that had to make room for others.",
		}),
	}
	for _, c := range []prometheus.Collector{m.attempts, m.duration, m.victims} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("scheduler metrics: %w", err)
		}
	}
	return m, nil
}

// observe counts an attempt.
func (m *Metrics) observe(result string, took time.Duration) {
	m.attempts.WithLabelValues(Name, result).Inc()
	m.duration.WithLabelValues(Name, result).Observe(took.Seconds())
}

// watch shows how many pods wait.
func (m *Metrics) watch(q *queue.Queue) error {
	for _, place := range []queue.Place{queue.Active, queue.Backoff, queue.Unschedulable, queue.Gated} {
		g := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "scheduler_pending_pods", Help: "Pods that wait for a node, by what they wait for.",
			ConstLabels: prometheus.Labels{"queue": string(place)},
		}, func() float64 { return float64(q.Counts()[place]) })
		if err := m.registry.Register(g); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	return nil
}
