package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/scheduler"
)

// Run schedules until ctx ends. Events have a client of their own, with its own limit, so that they don't hold up bindings.
func (o *Options) Run(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	forEvents, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	metrics, err := scheduler.NewMetrics(legacyregistry.Registerer())
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	events := record.NewBroadcaster(record.WithContext(ctx))
	defer events.Shutdown()
	events.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: forEvents.CoreV1().Events("")})
	f := informers.NewSharedInformerFactory(client, 0)
	s, err := scheduler.New(scheduler.Config{
		Client: client, Informers: f, Clock: clock.RealClock{}, Metrics: metrics,
		Events: events.NewRecorder(scheme.Scheme, v1.EventSource{Component: scheduler.Name}),
		Rand:   rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)),
	})
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	f.Start(ctx.Done())
	s.Run(ctx)
	return nil
}
