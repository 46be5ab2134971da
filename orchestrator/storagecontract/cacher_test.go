package storagecontract

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/cacher"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
)

// withCache puts the watch cache before the subject's store, as every apiserver does. Cluster-scoped, it keys pods by name alone.
func (s *subject) withCache(t testing.TB, clusterScoped bool) {
	t.Helper()
	key := storage.NamespaceKeyFunc
	if clusterScoped {
		key = storage.NoNamespaceKeyFunc
	}
	below := s.Interface
	c, err := cacher.NewCacherFromConfig(cacher.Config{
		Storage: below, Versioner: storage.APIObjectVersioner{}, GroupResource: pods, EventsHistoryWindow: cacher.DefaultEventFreshDuration,
		ResourcePrefix: resourcePrefix, KeyFunc: func(o runtime.Object) (string, error) { return key(resourcePrefix, o) },
		GetAttrsFunc: attributes, NewFunc: newPod, NewListFunc: newPodList, Codec: s.codec, Clock: impatient{},
		IndexerFuncs: storage.IndexerFuncs{"spec.nodeName": func(o runtime.Object) string { return o.(*example.Pod).Spec.NodeName }},
		Indexers: &cache.Indexers{
			storage.FieldIndex("spec.nodeName"):      func(o any) ([]string, error) { return []string{o.(*example.Pod).Spec.NodeName}, nil },
			storage.FieldIndex("metadata.namespace"): func(o any) ([]string, error) { return []string{o.(*example.Pod).Namespace}, nil },
		},
	})
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	require.NoError(t, c.Wait(context.Background()))
	delegator := cacher.NewCacheDelegator(c, below)
	t.Cleanup(delegator.Stop)
	s.Interface, s.cached = delegator, true
}

// attributes are what a pod can be selected by.
func attributes(o runtime.Object) (labels.Set, fields.Set, error) {
	pod, ok := o.(*example.Pod)
	if !ok {
		return nil, nil, fmt.Errorf("%T is no pod", o)
	}
	return pod.Labels, fields.Set{
		"metadata.name": pod.Name, "metadata.namespace": pod.Namespace, "spec.nodeName": pod.Spec.NodeName,
		"spec.restartPolicy": string(pod.Spec.RestartPolicy), "status.phase": string(pod.Status.Phase),
	}, nil
}

// impatient is a clock whose timers end within a second: the cache would look for a compaction every 15.
type impatient struct{ clock.RealClock }

func (c impatient) NewTimer(d time.Duration) clock.Timer {
	return impatientTimer{c.RealClock.NewTimer(min(d, time.Second))}
}

type impatientTimer struct{ clock.Timer }

func (t impatientTimer) Reset(d time.Duration) bool { return t.Timer.Reset(min(d, time.Second)) }

// settled is a storage.Interface of which what was created is in the cache when Create returns. The contract of watches that begin
// with what there is is written for such a one.
type settled struct{ storage.Interface }

func (s settled) Create(ctx context.Context, key string, object, out runtime.Object, ttl uint64) error {
	if err := s.Interface.Create(ctx, key, object, out, ttl); err != nil {
		return err
	}
	created, err := s.Versioner().ObjectResourceVersion(out)
	if err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		cached := newPod()
		if err := s.Get(ctx, key, storage.GetOptions{ResourceVersion: "0"}, cached); err != nil {
			if storage.IsNotFound(err) {
				return false, nil
			}
			return false, err
		}
		version, err := s.Versioner().ObjectResourceVersion(cached)
		return version >= created, err
	})
}
