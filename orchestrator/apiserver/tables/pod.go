package tables

import (
	"fmt"
	"strconv"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// pods are pods, and the templates that exist on their own.
func pods() []printer {
	spec, status := v1.PodSpec{}.SwaggerDoc(), v1.PodStatus{}.SwaggerDoc()
	pod := printerOf(columns{
		nameColumn(),
		col("Ready", text, "The aggregate readiness state of this pod for accepting traffic."),
		col("Status", text, "The aggregate status of the containers in this pod."),
		col("Restarts", text, "The number of times the containers in this pod have been restarted"+
			" and when the last container in this pod has restarted."),
		ageColumn(),
		wide("IP", status["podIP"]),
		wide("Node", spec["nodeName"]),
		wide("Nominated Node", status["nominatedNodeName"]),
		wide("Readiness Gates", spec["readinessGates"]),
	}, podCells)
	pod.conditions = podConditions
	template := printerOf(columns{
		nameColumn(),
		col("Containers", text, containersColumn().Description),
		col("Images", text, imagesColumn().Description),
		col("Pod Labels", text, "The labels for the pod template."),
	}, func(t *v1.PodTemplate, _ now) []any {
		names, images := containerCells(t.Template.Spec.Containers)
		return []any{t.Name, names, images, labels.FormatLabels(t.Template.Labels)}
	})
	return []printer{pod, template}
}

// podCells shows a pod's state and where it is.
func podCells(p *v1.Pod, at now) []any {
	s := stateOf(p)
	restarts := strconv.Itoa(s.restarts.count)
	if s.restarts.count != 0 && !s.restarts.last.IsZero() {
		restarts = fmt.Sprintf("%d (%s ago)", s.restarts.count, at.since(s.restarts.last))
	}
	ip := p.Status.PodIP
	if len(p.Status.PodIPs) > 0 {
		ip = p.Status.PodIPs[0].IP
	}
	return []any{
		p.Name, ratio(s.ready, s.containers), s.word, restarts, at.age(p),
		or(ip, none), or(p.Spec.NodeName, none), or(p.Status.NominatedNodeName, none), gates(p),
	}
}

// gates says how many readiness gates are open.
func gates(p *v1.Pod) string {
	if len(p.Spec.ReadinessGates) == 0 {
		return none
	}
	open := 0
	for _, gate := range p.Spec.ReadinessGates {
		if holds(p, gate.ConditionType) {
			open++
		}
	}
	return ratio(open, len(p.Spec.ReadinessGates))
}

// podConditions lets clients tell pods that have ended from others.
func podConditions(obj runtime.Object) []metav1.TableRowCondition {
	completed := metav1.TableRowCondition{Type: metav1.RowCompleted, Status: metav1.ConditionTrue}
	switch phase := as[*v1.Pod](obj).Status.Phase; phase {
	case v1.PodSucceeded:
		completed.Message = "The pod has completed successfully."
		completed.Reason = string(phase)
	case v1.PodFailed:
		completed.Message = "The pod failed."
		completed.Reason = string(phase)
	default:
		return nil
	}
	return []metav1.TableRowCondition{completed}
}
