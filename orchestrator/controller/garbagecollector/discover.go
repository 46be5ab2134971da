package garbagecollector

import (
	"context"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/discovery"
	"k8s.io/klog/v2"
)

// discoverEvery is how soon the objects of a new custom resource are seen.
const discoverEvery = 30 * time.Second

// discover keeps the set of monitors what the apiserver serves.
func (c *Controller) discover(ctx context.Context) {
	for {
		wait := discoverEvery
		if !c.resync(ctx) && !c.started.Load() {
			wait = time.Second // the apiserver is not there yet
		}
		select {
		case <-ctx.Done():
			return
		case <-c.env.Clock.After(wait):
		}
	}
}

// resync asks once which resources there are. It fails if the apiserver doesn't say.
func (c *Controller) resync(ctx context.Context) bool {
	lists, err := c.env.Discovery.ServerPreferredResources()
	failed, partial := discovery.GroupDiscoveryFailedErrorGroups(err)
	if err != nil && !partial {
		klog.FromContext(ctx).Error(err, "Discovery failed", "controller", "garbagecollector")
		return false
	}
	wanted := deletable(lists)
	running := c.monitors.Running()
	for resource := range running {
		if _, unknown := failed[resource.GroupVersion()]; unknown { // no answer does not mean that it is gone
			wanted.Insert(resource)
		}
	}
	if !wanted.Equal(running) {
		c.env.Mapper.Reset()
		c.monitors.Set(ctx, wanted)
		for resource := range running.Difference(wanted) {
			c.enqueue(c.graph.drop(resource))
		}
	}
	c.started.Store(true)
	return true
}

// deletable are the resources whose objects can be owned or deleted. Events are not worth it: there are many, and they expire.
func deletable(lists []*metav1.APIResourceList) sets.Set[schema.GroupVersionResource] {
	found := sets.New[schema.GroupVersionResource]()
	for _, list := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"delete", "list", "watch"}}, lists) {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for i := range list.APIResources {
			if name := list.APIResources[i].Name; name != "events" && !strings.Contains(name, "/") {
				found.Insert(gv.WithResource(name))
			}
		}
	}
	return found
}
