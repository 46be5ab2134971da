package cri

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	apitypes "k8s.io/apimachinery/pkg/types"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubelet/pkg/types"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Observer sees what happens to sandboxes and containers without the kubelet's doing.
type Observer struct {
	runtime internalapi.RuntimeService
	changed func(apitypes.UID)
	seen    map[apitypes.UID]map[string]string // the states of what pods consist of, by ID
}

// NewObserver returns an observer that calls changed for each pod that isn't as it was.
func NewObserver(runtime internalapi.RuntimeService, changed func(apitypes.UID)) *Observer {
	return &Observer{runtime: runtime, changed: changed}
}

// Run looks once in each period until ctx ends. healthy is told of each look. Where the runtime tells of events by itself (containerd 1.6
// does not) changes are seen at once; looks go on all the same, as a stream may break unseen.
func (o *Observer) Run(ctx context.Context, period time.Duration, healthy func(error)) {
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() { o.listen(ctx, period) })
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		err := o.Look(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			klog.FromContext(ctx).V(2).Info("Cannot see what containers do", "err", err)
		}
		healthy(err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// listen passes on the runtime's events, until ctx ends or the runtime says that it has none.
func (o *Observer) listen(ctx context.Context, retry time.Duration) {
	events := make(chan *runtimeapi.ContainerEventResponse, eventsAhead)
	var passing sync.WaitGroup
	defer passing.Wait()
	defer close(events)
	passing.Go(func() {
		for e := range events {
			uid := e.GetPodSandboxStatus().GetMetadata().GetUid()
			for _, c := range e.GetContainersStatuses() {
				uid = cmp.Or(uid, c.GetLabels()[types.KubernetesPodUIDLabel])
			}
			if uid != "" {
				o.changed(apitypes.UID(uid))
			}
		}
	})
	for ctx.Err() == nil {
		if err := o.runtime.GetContainerEvents(ctx, events, nil); status.Code(err) == codes.Unimplemented {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

// eventsAhead is how many events may wait to be passed on.
const eventsAhead = 64

// Look compares what there is with what was there at the last look.
func (o *Observer) Look(ctx context.Context) error {
	now, err := states(ctx, o.runtime)
	if err != nil {
		return err
	}
	before := o.seen
	o.seen = now
	for uid, parts := range now {
		if !maps.Equal(parts, before[uid]) {
			o.changed(uid)
		}
	}
	for uid := range before {
		if _, there := now[uid]; !there {
			o.changed(uid)
		}
	}
	return nil
}

// Pods are the pods of which a runtime has anything.
func Pods(ctx context.Context, runtime internalapi.RuntimeService) ([]apitypes.UID, error) {
	now, err := states(ctx, runtime)
	if err != nil {
		return nil, err
	}
	uids := make([]apitypes.UID, 0, len(now))
	for uid := range now {
		uids = append(uids, uid)
	}
	return uids, nil
}

func states(ctx context.Context, runtime internalapi.RuntimeService) (map[apitypes.UID]map[string]string, error) {
	sandboxes, err := runtime.ListPodSandbox(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list sandboxes: %w", err)
	}
	containers, err := runtime.ListContainers(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	pods := map[apitypes.UID]map[string]string{}
	note := func(labels map[string]string, id, state string) {
		uid := apitypes.UID(labels[types.KubernetesPodUIDLabel])
		if uid == "" { // not a kubelet's
			return
		}
		if pods[uid] == nil {
			pods[uid] = map[string]string{}
		}
		pods[uid][id] = state
	}
	for _, s := range sandboxes {
		note(s.GetLabels(), s.GetId(), s.GetState().String())
	}
	for _, c := range containers {
		note(c.GetLabels(), c.GetId(), c.GetState().String())
	}
	return pods, nil
}
