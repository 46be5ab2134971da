package kubelet

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/kubelet/source"
	"github.com/petcd/petcd/orchestrator/kubelet/status"
)

// criticalPriority is the lowest priority of pods that others make room for.
const criticalPriority = 2_000_000_000

// admit says why a pod that is new on the node can't run beside those that are active; nil: it can. The scheduler has looked at the same
// already; but a pod may come without it, and two may have been placed at the same time.
func (k *kubelet) admit(pod *v1.Pod, active []*v1.Pod) *status.End {
	if pod.Spec.OS != nil && pod.Spec.OS.Name != v1.Linux {
		return &status.End{Reason: "PodOSNotSupported", Message: "Failed to admit pod as the OS field doesn't match node OS"}
	}
	if ok, reason, message := k.eviction.Admit(pod); !ok {
		return &status.End{Reason: reason, Message: message}
	}
	if end := k.fitsNode(pod); end != nil {
		return end
	}
	active = slices.DeleteFunc(slices.Clone(active), func(p *v1.Pod) bool { return p.UID == pod.UID })
	if hostPortTaken(pod, active) {
		return predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports")
	}
	short := k.lacks(pod, active)
	if short == nil || !critical(pod) {
		return short
	}
	victims := k.victims(pod, active)
	if victims == nil {
		return short
	}
	for _, v := range victims {
		go func() { // a pod that is as important as this one doesn't wait for their end
			err := k.workers.Evict(context.Background(), v, gracePeriod(v), "Preempting", "Preempted in order to admit critical pod")
			if err != nil {
				klog.ErrorS(err, "Cannot preempt a pod", "pod", klog.KObj(v))
			}
		}()
	}
	return nil
}

func predicate(name, why string) *status.End {
	return &status.End{Reason: name, Message: fmt.Sprintf("Predicate %s failed: %s", name, why)}
}

// fitsNode compares what a pod asks of its node with the node's labels and taints. Without an apiserver there are none.
func (k *kubelet) fitsNode(pod *v1.Pod) *status.End {
	if k.node == nil || source.IsStatic(pod) {
		return nil
	}
	n := k.node.Node()
	if n == nil {
		return nil // not known yet; the scheduler did
	}
	if match, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(n); err != nil || !match {
		return predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")
	}
	noExecute := func(t *v1.Taint) bool { return t.Effect == v1.TaintEffectNoExecute }
	if taint, not := corev1helpers.FindMatchingUntoleratedTaint(klog.Background(), n.Spec.Taints, pod.Spec.Tolerations, noExecute, true); not {
		return predicate("TaintToleration", fmt.Sprintf("node(s) had taint {%s: %s}, that the pod didn't tolerate", taint.Key, taint.Value))
	}
	return nil
}

// lacks says what of a pod's requests the node has no room for.
func (k *kubelet) lacks(pod *v1.Pod, active []*v1.Pod) *status.End {
	used := v1.ResourceList{v1.ResourcePods: *resource.NewQuantity(int64(len(active)), resource.DecimalSI)}
	for _, p := range active {
		for name, q := range resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{}) {
			sum := used[name]
			sum.Add(q)
			used[name] = sum
		}
	}
	wanted := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	wanted[v1.ResourcePods] = resource.MustParse("1")
	names := make([]v1.ResourceName, 0, len(wanted))
	for name := range wanted {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		ask, have, room := wanted[name], used[name], k.allocatable[name]
		total := have.DeepCopy()
		total.Add(ask)
		if ask.IsZero() || total.Cmp(room) <= 0 {
			continue
		}
		amount := func(q resource.Quantity) int64 {
			if name == v1.ResourceCPU {
				return q.MilliValue()
			}
			return q.Value()
		}
		return &status.End{Reason: "OutOf" + string(name), Message: fmt.Sprintf(
			"Node didn't have enough resource: %s, requested: %d, used: %d, capacity: %d", name, amount(ask), amount(have), amount(room))}
	}
	return nil
}

// victims are the pods that must go for a critical one, the least important first; nil if that isn't enough.
func (k *kubelet) victims(pod *v1.Pod, active []*v1.Pod) []*v1.Pod {
	byImportance := slices.Clone(active)
	slices.SortStableFunc(byImportance, func(a, b *v1.Pod) int {
		return cmp.Compare(corev1helpers.PodPriority(a), corev1helpers.PodPriority(b))
	})
	for i, p := range byImportance {
		if critical(p) || corev1helpers.PodPriority(p) >= max(corev1helpers.PodPriority(pod), 1) && !source.IsStatic(pod) {
			return nil
		}
		if k.lacks(pod, byImportance[i+1:]) == nil {
			return byImportance[:i+1]
		}
	}
	return nil
}

func critical(pod *v1.Pod) bool {
	return source.IsStatic(pod) || corev1helpers.PodPriority(pod) >= criticalPriority
}

func gracePeriod(pod *v1.Pod) int64 {
	if g := pod.Spec.TerminationGracePeriodSeconds; g != nil {
		return *g
	}
	return v1.DefaultTerminationGracePeriodSeconds
}

// hostPortTaken says whether a pod wants a port of the host that another has.
func hostPortTaken(pod *v1.Pod, active []*v1.Pod) bool {
	for mine := range hostPorts(pod) {
		for _, other := range active {
			for theirs := range hostPorts(other) {
				sameIP := mine.ip == theirs.ip || mine.ip == anyIP || theirs.ip == anyIP
				if mine.port == theirs.port && mine.protocol == theirs.protocol && sameIP {
					return true
				}
			}
		}
	}
	return false
}

// anyIP is the address of a port on all addresses.
const anyIP = "0.0.0.0"

// hostPort is a port of the host.
type hostPort struct {
	ip       string
	protocol v1.Protocol
	port     int32
}

func hostPorts(pod *v1.Pod) map[hostPort]bool {
	ports := map[hostPort]bool{}
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			if p.HostPort != 0 {
				ports[hostPort{cmp.Or(p.HostIP, anyIP), cmp.Or(p.Protocol, v1.ProtocolTCP), p.HostPort}] = true
			}
		}
	}
	return ports
}
