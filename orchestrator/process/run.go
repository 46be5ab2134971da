package process

import (
	"context"
	"errors"
	"fmt"
	"os"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/retry"
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

// elected works while this instance holds the program's Lease.
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
	return o.lead(ctx, lock, watchdog, func(ctx context.Context) error { return work(ctx, config) })
}

// lead works while this instance holds the lock. The lock is given back when the work has ended, and not before: until then no
// other may begin. When the lock is lost there is nothing to give back, and nothing to wait for: what still works must end with
// the process.
func (o *Options) lead(ctx context.Context, lock resourcelock.Interface, watchdog *leaderelection.HealthzAdaptor, work func(context.Context) error) error {
	electing, stopElecting := context.WithCancel(context.WithoutCancel(ctx)) // it goes on while the work comes to its end
	defer stopElecting()
	led := make(chan context.Context, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: o.Name, WatchDog: watchdog,
		ReleaseOnCancel: false, // the elector would do so before it tells the work of a loss, and might take the lock from its new holder
		LeaseDuration:   o.Election.LeaseDuration.Duration, RenewDeadline: o.Election.RenewDeadline.Duration, RetryPeriod: o.Election.RetryPeriod.Duration,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) { led <- leading },
			OnStoppedLeading: func() {},
			OnNewLeader:      func(id string) { klog.FromContext(ctx).Info("Leader", "program", o.Name, "identity", id) },
		},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	watchdog.SetLeaderElection(elector)
	over := make(chan struct{})
	go func() {
		defer close(over)
		elector.Run(electing)
	}()
	giveBack := func() {
		stopElecting()
		<-over // the lock is ours alone now
		o.release(ctx, lock)
	}

	var leading context.Context
	select {
	case leading = <-led:
	case <-ctx.Done():
		giveBack() // it may have been got in this very moment
		return nil
	}
	working, stop := context.WithCancel(leading)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	ended := make(chan error, 1)
	go func() { ended <- work(working) }()
	select {
	case err = <-ended:
	case <-leading.Done():
	}
	if leading.Err() != nil {
		return ErrLost
	}
	giveBack()
	return err
}

// release gives the lock back if it is this instance's, so that the next needn't wait until it expires.
func (o *Options) release(ctx context.Context, lock resourcelock.Interface) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Election.RenewDeadline.Duration)
	defer cancel()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error { // a last renewal may be under way still
		held, _, err := lock.Get(ctx)
		if apierrors.IsNotFound(err) || (err == nil && held.HolderIdentity != lock.Identity()) {
			return nil
		}
		if err != nil {
			return err
		}
		now := metav1.Now()
		return lock.Update(ctx, resourcelock.LeaderElectionRecord{
			LeaderTransitions: held.LeaderTransitions, LeaseDurationSeconds: 1, RenewTime: now, AcquireTime: now,
		})
	})
	if err != nil {
		klog.FromContext(ctx).Error(err, "Cannot give the lease back; it will expire", "program", o.Name)
	}
}
