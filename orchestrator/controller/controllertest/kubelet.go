package controllertest

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RunPods does the work of schedulers and kubelets until the test ends: it binds pods and lets them become ready, all for which
// works is true, nil being all. A pod that asks for a node by name, as those of DaemonSets do, gets it.
func (c *Cluster) RunPods(works func(*v1.Pod) bool) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			c.runPods(ctx, works)
			time.Sleep(time.Millisecond) // the period of looking; no test depends on it
		}
	})
	c.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func (c *Cluster) runPods(ctx context.Context, works func(*v1.Pod) bool) {
	gvk := v1.SchemeGroupVersion.WithKind("Pod")
	list, err := c.Fake.Tracker().List(v1.SchemeGroupVersion.WithResource("pods"), gvk, "")
	if err != nil {
		return
	}
	pods, ok := list.(*v1.PodList)
	if !ok {
		return
	}
	for i := range pods.Items {
		pod := pods.Items[i].DeepCopy()
		if len(pod.Status.Conditions) > 0 || (works != nil && !works(pod)) {
			continue
		}
		if pod.Spec.NodeName == "" {
			pod.Spec.NodeName = wantedNode(pod)
		}
		pod.Status.Phase = v1.PodRunning
		pod.Status.Conditions = []v1.PodCondition{{
			Type: v1.PodReady, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(c.Clock.Now()),
		}}
		if _, err := c.Fake.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
			if !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				c.t.Errorf("run pod %s: %v", pod.Name, err)
			}
		}
	}
}

// wantedNode is the node that a pod's affinity names.
func wantedNode(pod *v1.Pod) string {
	a := pod.Spec.Affinity
	if a == nil || a.NodeAffinity == nil || a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return "node"
	}
	for _, term := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, f := range term.MatchFields {
			if f.Key == metav1.ObjectNameField && len(f.Values) == 1 {
				return f.Values[0]
			}
		}
	}
	return "node"
}

// Pods returns the pods that the apiserver holds and that match a predicate, nil being all.
func (c *Cluster) Pods(match func(*v1.Pod) bool) (pods []v1.Pod) {
	c.t.Helper()
	list, err := c.Fake.Tracker().List(v1.SchemeGroupVersion.WithResource("pods"), v1.SchemeGroupVersion.WithKind("Pod"), "")
	require.NoError(c.t, err)
	all, ok := list.(*v1.PodList)
	require.True(c.t, ok)
	for _, pod := range all.Items {
		if match == nil || match(&pod) {
			pods = append(pods, pod)
		}
	}
	return pods
}
