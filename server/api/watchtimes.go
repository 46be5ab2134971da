package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// watchTimes observe how long the responses of watch streams take to send, gRPC's flow control included: a client that reads
// slowly shows here.
type watchTimes struct {
	events, perEvent, control, progress prometheus.Histogram
}

// newWatchTimes makes etcd's histograms.
func newWatchTimes() watchTimes {
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "etcd_debugging", Subsystem: "server", Name: "watch_send_loop_" + name + "_seconds", Help: help,
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		})
	}
	return watchTimes{
		events:   histogram("watch_stream_duration", "Time to send a response with events to a watch stream."),
		perEvent: histogram("watch_stream_duration_per_event", "Time to send a response with events to a watch stream, divided by their number."),
		control:  histogram("control_stream_duration", "Time to send the answer to a watch's creation or cancellation."),
		progress: histogram("progress_duration", "Time to send a progress notification."),
	}
}

// collectors lists the histograms.
func (t watchTimes) collectors() []prometheus.Collector {
	return []prometheus.Collector{t.events, t.perEvent, t.control, t.progress}
}

// timed makes a stream's send observe how long it takes.
func (t watchTimes) timed(send func(*pb.WatchResponse) error) func(*pb.WatchResponse) error {
	return func(r *pb.WatchResponse) error {
		start := time.Now()
		err := send(r)
		took := time.Since(start).Seconds()
		switch {
		case r.Created || r.Canceled:
			t.control.Observe(took)
		case len(r.Events) == 0:
			t.progress.Observe(took)
		default:
			t.events.Observe(took)
			t.perEvent.Observe(took / float64(len(r.Events)))
		}
		return err
	}
}
