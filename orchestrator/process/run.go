package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// ErrLost ends a process that worked and is the chosen one no longer: what it was doing, another may be doing already.
var ErrLost = errors.New("leader election lost")

// Run serves health and metrics, waits until this instance is the chosen one, and then works until ctx ends. It returns ErrLost if
// it is chosen no longer.
func Run(ctx context.Context, o *Options, work func(ctx context.Context, config *rest.Config) error) error {
	config, err := o.Config()
	if err != nil {
		return err
	}
	watchdog := leaderelection.NewLeaderHealthzAdaptor(0)
	stop, err := o.serve(watchdog)
	if err != nil {
		return err
	}
	defer stop()
	if !o.Election.LeaderElect {
		return work(ctx, config)
	}
	return o.elected(ctx, config, watchdog, work)
}

// elected works while this instance holds the lease.
func (o *Options) elected(ctx context.Context, config *rest.Config, watchdog *leaderelection.HealthzAdaptor, work func(context.Context, *rest.Config) error) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	// A slow answer must not keep the holder from knowing in time that it holds the lease no longer.
	impatient := rest.CopyConfig(config)
	impatient.Timeout = o.Election.RenewDeadline.Duration / 2
	client, err := kubernetes.NewForConfig(impatient)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	lock, err := resourcelock.New(o.Election.ResourceLock, o.Election.ResourceNamespace, o.Election.ResourceName,
		client.CoreV1(), client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())})
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	// The lease is given back when the work has ended, and not before: until then no other may begin.
	electing, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	var leads atomic.Bool
	defer context.AfterFunc(ctx, func() {
		if !leads.Load() {
			release()
		}
	})()
	var failed error
	finished := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: o.Name, WatchDog: watchdog, ReleaseOnCancel: true,
		LeaseDuration: o.Election.LeaseDuration.Duration, RenewDeadline: o.Election.RenewDeadline.Duration, RetryPeriod: o.Election.RetryPeriod.Duration,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) {
				defer release()
				defer close(finished)
				leads.Store(true)
				working, stop := context.WithCancel(leading)
				defer stop()
				defer context.AfterFunc(ctx, stop)()
				failed = work(working, config)
			},
			OnStoppedLeading: func() {},
			OnNewLeader:      func(id string) { klog.FromContext(ctx).Info("Leader", "program", o.Name, "identity", id) },
		},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	watchdog.SetLeaderElection(elector)
	elector.Run(electing)
	select {
	case <-finished:
		return failed
	default:
	}
	if ctx.Err() == nil {
		return ErrLost
	}
	if leads.Load() {
		<-finished
	}
	return failed
}
