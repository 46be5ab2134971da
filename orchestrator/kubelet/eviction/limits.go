package eviction

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/component-helpers/resource"
)

// limits evicts pods that use more disk than they may, whatever the node has.
func (m *Manager) limits(ctx context.Context, pods []*v1.Pod) (evicted bool, err error) {
	var limited []*v1.Pod
	for _, pod := range pods {
		if hasLimit(pod) {
			limited = append(limited, pod)
		}
	}
	if len(limited) == 0 {
		return false, nil
	}
	usage, err := m.o.Usage(ctx, limited, true)
	if err != nil {
		return false, err
	}
	var failed []error
	for _, pod := range limited {
		text := exceeded(pod, usage[pod.UID])
		if text == "" || isCritical(pod) {
			continue
		}
		evicted = true
		failed = append(failed, m.evict(ctx, pod, text))
	}
	return evicted, errors.Join(failed...)
}

// hasLimit says whether there is anything to look at.
func hasLimit(pod *v1.Pod) bool {
	for i := range pod.Spec.Volumes {
		if e := pod.Spec.Volumes[i].EmptyDir; e != nil && e.SizeLimit != nil {
			return true
		}
	}
	for i := range pod.Spec.Containers {
		if !storageLimit(&pod.Spec.Containers[i]).IsZero() {
			return true
		}
	}
	return false
}

// storageLimit is how much disk a container may use; zero: no limit.
func storageLimit(c *v1.Container) *apiresource.Quantity {
	limit := c.Resources.Limits[v1.ResourceEphemeralStorage]
	return &limit
}

// exceeded says which limit of its a pod exceeds; "": none.
func exceeded(pod *v1.Pod, u PodUsage) string {
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		if volume.EmptyDir == nil || volume.EmptyDir.SizeLimit == nil || volume.EmptyDir.SizeLimit.IsZero() {
			continue
		}
		if u.EmptyDirs[volume.Name] > volume.EmptyDir.SizeLimit.Value() {
			return fmt.Sprintf("Usage of EmptyDir volume %q exceeds the limit %q. ", volume.Name, volume.EmptyDir.SizeLimit.String())
		}
	}
	all := true
	for i := range pod.Spec.Containers {
		all = all && !storageLimit(&pod.Spec.Containers[i]).IsZero()
	}
	total := resource.PodLimits(pod, resource.PodResourcesOptions{})[v1.ResourceEphemeralStorage]
	if all && !total.IsZero() && u.of(string(v1.ResourceEphemeralStorage)) > total.Value() {
		return fmt.Sprintf("Pod ephemeral local storage usage exceeds the total limit of containers %s. ", total.String())
	}
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		if limit := storageLimit(c); !limit.IsZero() && u.Containers[c.Name].Disk > limit.Value() {
			return fmt.Sprintf("Container %s exceeded its local ephemeral storage limit %q. ", c.Name, limit.String())
		}
	}
	return ""
}
