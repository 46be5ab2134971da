package daemonset

import (
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// podTemplate is the template as the pods get it: with the hash of its revision, and tolerant of what ails a node, for a daemon
// is to run wherever it can.
func podTemplate(ds *apps.DaemonSet, hash string) *v1.PodTemplateSpec {
	t := ds.Spec.Template.DeepCopy()
	metav1.SetMetaDataLabel(&t.ObjectMeta, apps.ControllerRevisionHashLabelKey, hash)
	tolerate := func(taint string, effect v1.TaintEffect) {
		wanted := v1.Toleration{Key: taint, Operator: v1.TolerationOpExists, Effect: effect}
		for i := range t.Spec.Tolerations {
			if t.Spec.Tolerations[i].MatchToleration(&wanted) {
				t.Spec.Tolerations[i] = wanted // without an end
				return
			}
		}
		t.Spec.Tolerations = append(t.Spec.Tolerations, wanted)
	}
	tolerate(v1.TaintNodeNotReady, v1.TaintEffectNoExecute)
	tolerate(v1.TaintNodeUnreachable, v1.TaintEffectNoExecute)
	tolerate(v1.TaintNodeDiskPressure, v1.TaintEffectNoSchedule)
	tolerate(v1.TaintNodeMemoryPressure, v1.TaintEffectNoSchedule)
	tolerate(v1.TaintNodePIDPressure, v1.TaintEffectNoSchedule)
	tolerate(v1.TaintNodeUnschedulable, v1.TaintEffectNoSchedule)
	if t.Spec.HostNetwork {
		tolerate(v1.TaintNodeNetworkUnavailable, v1.TaintEffectNoSchedule)
	}
	return t
}

// podFor is the pod for a node.
func (p *pass) podFor(node string) *v1.Pod {
	pod := controller.PodOf(p.ds, kind, p.template)
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &v1.Affinity{}
	}
	if pod.Spec.Affinity.NodeAffinity == nil {
		pod.Spec.Affinity.NodeAffinity = &v1.NodeAffinity{}
	}
	// What the template requires of a node was looked at already; the node's name is all that is left to ask for.
	pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &v1.NodeSelector{
		NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchFields: []v1.NodeSelectorRequirement{
			{Key: metav1.ObjectNameField, Operator: v1.NodeSelectorOpIn, Values: []string{node}},
		}}},
	}
	return pod
}

// nodeOf is the node that a pod is on, or asks for; "" if it asks for none.
func nodeOf(pod *v1.Pod) string {
	if pod.Spec.NodeName != "" {
		return pod.Spec.NodeName
	}
	a := pod.Spec.Affinity
	if a == nil || a.NodeAffinity == nil || a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return ""
	}
	for _, term := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, f := range term.MatchFields {
			if f.Key == metav1.ObjectNameField && f.Operator == v1.NodeSelectorOpIn && len(f.Values) == 1 {
				return f.Values[0]
			}
		}
	}
	return ""
}
