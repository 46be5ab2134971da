package view

import (
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
)

// What a container that names no request is taken to use when nodes are compared. It is not what fits that it decides.
const (
	unnamedCPU    = 100               // milli-CPUs
	unnamedMemory = 200 * 1024 * 1024 // bytes
)

// Pod is a pod with what would otherwise be worked out again for each node. It isn't changed once made.
type Pod struct {
	*v1.Pod

	Priority int32
	// Requests is what must be free on a node; Likely is the same with a guess for containers that name no CPU or memory.
	Requests, Likely Resources
	Ports            []Port

	// What the pod says of others. Near and Far must hold, Leanings are weighed.
	Near, Far, Leanings []Term

	likeness string
}

// NewPod works out a pod.
func NewPod(pod *v1.Pod) *Pod {
	p := &Pod{
		Pod:      pod,
		Priority: corev1helpers.PodPriority(pod),
		Requests: resourcesOf(resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{UseStatusResources: true})),
		Ports:    portsOf(pod),
		likeness: likeness(pod),
	}
	p.Likely = p.Requests
	if unnamed(pod) {
		likely := resourcesOf(resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{
			UseStatusResources: true,
			NonMissingContainerRequests: v1.ResourceList{
				v1.ResourceCPU:    *resource.NewMilliQuantity(unnamedCPU, resource.DecimalSI),
				v1.ResourceMemory: *resource.NewQuantity(unnamedMemory, resource.BinarySI),
			},
		}))
		p.Likely.CPU, p.Likely.Memory = likely.CPU, likely.Memory
	}
	if a := pod.Spec.Affinity; a != nil {
		if near := a.PodAffinity; near != nil {
			p.Near = termsOf(pod, near.RequiredDuringSchedulingIgnoredDuringExecution)
			p.Leanings = weightedTermsOf(pod, near.PreferredDuringSchedulingIgnoredDuringExecution, 1)
		}
		if far := a.PodAntiAffinity; far != nil {
			p.Far = termsOf(pod, far.RequiredDuringSchedulingIgnoredDuringExecution)
			p.Leanings = append(p.Leanings, weightedTermsOf(pod, far.PreferredDuringSchedulingIgnoredDuringExecution, -1)...)
		}
	}
	return p
}

// unnamed tells that a container names no CPU or no memory.
func unnamed(pod *v1.Pod) bool {
	no := func(cs []v1.Container) bool {
		for i := range cs {
			requests := cs[i].Resources.Requests
			if _, ok := requests[v1.ResourceCPU]; !ok {
				return true
			}
			if _, ok := requests[v1.ResourceMemory]; !ok {
				return true
			}
		}
		return false
	}
	return no(pod.Spec.Containers) || no(pod.Spec.InitContainers)
}

// Key is the pod's identity: a name may be used again.
func (p *Pod) Key() types.UID { return p.UID }

// StartTime is when the pod was started; now, if it was not yet.
func (p *Pod) StartTime(now time.Time) time.Time {
	if t := p.Status.StartTime; t != nil {
		return t.Time
	}
	return now
}
