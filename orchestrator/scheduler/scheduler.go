package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	policylisters "k8s.io/client-go/listers/policy/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/scheduler/filter"
	"github.com/petcd/petcd/orchestrator/scheduler/queue"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
	"github.com/petcd/petcd/orchestrator/scheduler/volume"
)

// Config is what a scheduler is made of.
type Config struct {
	Client    kubernetes.Interface
	Informers informers.SharedInformerFactory
	// Events writes events in the scheduler's name.
	Events  record.EventRecorder
	Clock   clock.WithTicker
	Rand    *rand.Rand // decides between equals; used by one goroutine
	Metrics *Metrics
}

// Scheduler gives nodes to the pods that name it.
type Scheduler struct {
	client  kubernetes.Interface
	events  record.EventRecorder
	clock   clock.Clock
	metrics *Metrics

	cluster *view.Cluster
	queue   *queue.Queue
	volumes *volume.Binder
	budgets policylisters.PodDisruptionBudgetLister
	choice  chooser
	notes   notes
	synced  []cache.InformerSynced
	tasks   sync.WaitGroup
}

// Name is the schedulerName of the pods that are ours, and the component that their events come from.
const Name = v1.DefaultSchedulerName

// New returns a scheduler and registers its handlers with the informers, which are started afterwards.
func New(c Config) (*Scheduler, error) {
	s := &Scheduler{
		client: c.Client, events: c.Events, clock: c.Clock, metrics: c.Metrics,
		cluster: view.NewCluster(), queue: queue.New(c.Clock),
		volumes: volume.NewBinder(c.Client, c.Informers, c.Clock),
		budgets: c.Informers.Policy().V1().PodDisruptionBudgets().Lister(),
		choice:  newChooser(c.Rand),
	}
	s.choice.context = filter.Context{Namespaces: c.Informers.Core().V1().Namespaces().Lister(), Volumes: s.volumes}
	if err := s.watch(c.Informers); err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	if err := c.Metrics.watch(s.queue); err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	return s, nil
}

// Run schedules until ctx ends, and then waits for what is under way.
func (s *Scheduler) Run(ctx context.Context) {
	if !cache.WaitForCacheSync(ctx.Done(), s.synced...) {
		return // stopped before the informers had synced
	}
	klog.FromContext(ctx).Info("Starting scheduler", "name", Name)
	s.tasks.Go(func() { s.queue.Run(ctx) })
	for {
		item, ok := s.queue.Pop()
		if !ok {
			break
		}
		s.attempt(ctx, item)
	}
	s.tasks.Wait()
}
