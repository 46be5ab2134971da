package resourcequota

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/quota"
)

// The resources whose objects count for what is in them.
var (
	pods     = schema.GroupResource{Resource: "pods"}
	services = schema.GroupResource{Resource: "services"}
	claims   = schema.GroupResource{Resource: "persistentvolumeclaims"}
)

type object interface {
	metav1.Object
	runtime.Object
}

// count adds up what a quota's namespace uses of what the quota limits.
func (c *Controller) count(q *corev1.ResourceQuota) (corev1.ResourceList, error) {
	used := corev1.ResourceList{}
	for name := range q.Spec.Hard {
		used[name] = *resource.NewQuantity(0, resource.DecimalSI)
	}
	everything := labels.Everything()
	runs, err := c.pods.Pods(q.Namespace).List(everything)
	if err == nil {
		err = addAll(c, used, q, pods, runs)
	}
	if err != nil {
		return nil, err
	}
	serves, err := c.services.Services(q.Namespace).List(everything)
	if err == nil {
		err = addAll(c, used, q, services, serves)
	}
	if err != nil {
		return nil, err
	}
	stores, err := c.claims.PersistentVolumeClaims(q.Namespace).List(everything)
	if err == nil {
		err = addAll(c, used, q, claims, stores)
	}
	if err != nil || scoped(q) { // nothing else is in any scope
		return used, err
	}
	for name := range q.Spec.Hard {
		of, err := c.counted(name)
		if err != nil {
			return nil, err
		}
		if of == nil {
			continue
		}
		n, known := c.monitors.Count(*of, q.Namespace)
		if !known {
			return nil, controller.Later(soon)
		}
		used[name] = *resource.NewQuantity(int64(n), resource.DecimalSI)
	}
	return used, nil
}

// addAll adds what objects count as, if they are in the quota's scopes.
func addAll[T object](c *Controller, used corev1.ResourceList, q *corev1.ResourceQuota, of schema.GroupResource, objs []T) error {
	now := c.env.Clock.Now()
	for _, o := range objs {
		in, err := quota.Matches(q, o)
		if err != nil {
			return fmt.Errorf("resource quota %s/%s: %w", q.Namespace, q.Name, err)
		}
		if !in {
			continue
		}
		for name, amount := range quota.UsageOf(of, o, now) {
			if sum, limited := used[name]; limited {
				if sum.IsZero() {
					sum = amount.DeepCopy() // written in its way: Mi rather than bytes
				} else {
					sum.Add(amount)
				}
				used[name] = sum
			}
		}
	}
	return nil
}

func scoped(q *corev1.ResourceQuota) bool {
	return len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil
}

// counted is the resource whose objects a name counts; nil if it is none, none that is served, or one that is read whole.
func (c *Controller) counted(name corev1.ResourceName) (*schema.GroupVersionResource, error) {
	var of schema.GroupResource
	switch name {
	case corev1.ResourceSecrets, corev1.ResourceConfigMaps, corev1.ResourceReplicationControllers, corev1.ResourceQuotas:
		of.Resource = string(name)
	default:
		text, ok := strings.CutPrefix(string(name), "count/")
		if !ok {
			return nil, nil
		}
		of = schema.ParseGroupResource(text)
	}
	if of == pods || of == services || of == claims || of.Resource == "events" {
		return nil, nil
	}
	served, err := c.env.Mapper.ResourceFor(of.WithVersion(""))
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("resource %s: %w", of, err)
	}
	if served.GroupResource() != of { // the mapper also takes a name in the singular
		return nil, nil
	}
	return &served, nil
}

// watch monitors what the quotas there are count.
func (c *Controller) watch(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, err := c.quotas.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list resource quotas: %w", err)
	}
	wanted := sets.New[schema.GroupVersionResource]()
	for _, q := range all {
		for name := range q.Spec.Hard {
			of, err := c.counted(name)
			if err != nil {
				return err
			}
			if of != nil && !scoped(q) {
				wanted.Insert(*of)
			}
		}
	}
	c.monitors.Set(ctx, wanted)
	return nil
}
