package clustertest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/petcd/petcd/orchestrator/controller"
)

// patience is how long a cluster may take to get over what was done to it, on a busy machine.
const patience = 3 * time.Minute

func deployment(name string, replicas int32, tolerationSeconds int64) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	template := v1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: "c"}}, Tolerations: []v1.Toleration{
			{Key: v1.TaintNodeNotReady, Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute, TolerationSeconds: &tolerationSeconds},
			{Key: v1.TaintNodeUnreachable, Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute, TolerationSeconds: &tolerationSeconds},
		}},
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template},
	}
}

// ready waits until a deployment has exactly so many pods, all of them ready.
func ready(t *testing.T, client kubernetes.Interface, name string, replicas int) (pods []v1.Pod) {
	t.Helper()
	until(t, patience, fmt.Sprintf("%d ready pods of %s", replicas, name), func() (bool, error) {
		list, err := client.CoreV1().Pods("default").List(context.Background(), metav1.ListOptions{LabelSelector: "app=" + name})
		if err != nil {
			return false, err
		}
		running := 0
		for i := range list.Items {
			if p := &list.Items[i]; controller.Ready(p) && p.DeletionTimestamp == nil {
				running++
			}
		}
		pods = list.Items
		return running == replicas && len(list.Items) == replicas, fmt.Errorf("%d of %d are ready", running, len(list.Items))
	})
	return pods
}

// TestNodeFailure: a node falls silent, counts as unreachable after the grace, its pods are replaced elsewhere; then it comes back. The
// grace is short here; with PETCD_REAL_TIME=1 it is the default of 40 s.
func TestNodeFailure(t *testing.T) {
	grace, flags := 4*time.Second, []string{"--node-monitor-period=500ms", "--node-monitor-grace-period=4s"}
	beat := time.Second
	if os.Getenv("PETCD_REAL_TIME") != "" {
		grace, flags, beat = 40*time.Second, nil, 10*time.Second
	}
	_, client, _ := start(t, Options{Controller: flags})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	nodes := NewNodes(client, NodeOptions{Names: []string{"node1", "node2", "node3"}, Lease: beat})
	require.NoError(t, nodes.Run(ctx))
	_, err := client.AppsV1().Deployments("default").Create(ctx, deployment("web", 6, 2), metav1.CreateOptions{})
	require.NoError(t, err)
	ready(t, client, "web", 6)

	nodes.Fail("node1")
	failed := time.Now()
	t.Logf("node1 fell silent")
	until(t, patience, "node1 unknown", func() (bool, error) {
		node, err := client.CoreV1().Nodes().Get(ctx, "node1", metav1.GetOptions{})
		return err == nil && condition(node, v1.NodeReady).Status == v1.ConditionUnknown, err
	})
	took := time.Since(failed)
	require.Greater(t, took, grace-beat, "not before the grace has passed since the last heartbeat")
	t.Logf("after %v: Ready is Unknown", took.Round(100*time.Millisecond))
	node, err := client.CoreV1().Nodes().Get(ctx, "node1", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "NodeStatusUnknown", condition(node, v1.NodeReady).Reason)
	until(t, patience, "the taints", func() (bool, error) {
		node, err := client.CoreV1().Nodes().Get(ctx, "node1", metav1.GetOptions{})
		return err == nil && tainted(node, v1.TaintNodeUnreachable, v1.TaintEffectNoExecute) && tainted(node, v1.TaintNodeUnreachable, v1.TaintEffectNoSchedule), err
	})
	t.Logf("after %v: it is tainted %s", time.Since(failed).Round(100*time.Millisecond), v1.TaintNodeUnreachable)
	until(t, patience, "6 pods on the other nodes", func() (bool, error) {
		list, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil {
			return false, err
		}
		elsewhere := 0
		for i := range list.Items {
			if p := &list.Items[i]; p.Spec.NodeName != "node1" && p.Status.Phase == v1.PodRunning {
				elsewhere++
			}
		}
		return elsewhere == 6, nil
	})
	t.Logf("after %v: its pods run on other nodes", time.Since(failed).Round(100*time.Millisecond))

	require.NoError(t, nodes.Recover(ctx, "node1"))
	until(t, patience, "node1 ready and untainted", func() (bool, error) {
		node, err := client.CoreV1().Nodes().Get(ctx, "node1", metav1.GetOptions{})
		return err == nil && condition(node, v1.NodeReady).Status == v1.ConditionTrue && len(node.Spec.Taints) == 0, err
	})
	ready(t, client, "web", 6)
	t.Logf("it came back: ready, without taints, and its old pods are gone")
}

func condition(node *v1.Node, typ v1.NodeConditionType) v1.NodeCondition {
	for _, c := range node.Status.Conditions {
		if c.Type == typ {
			return c
		}
	}
	return v1.NodeCondition{}
}

func tainted(node *v1.Node, key string, effect v1.TaintEffect) bool {
	for _, taint := range node.Spec.Taints {
		if taint.Key == key && taint.Effect == effect {
			return true
		}
	}
	return false
}

// TestStoreAndServerCrash kills the store, and then the apiserver, while a deployment grows. Nothing is lost, nothing made twice.
func TestStoreAndServerCrash(t *testing.T) {
	c, client, _ := start(t, Options{}, "node1", "node2")
	ctx := context.Background()
	_, err := client.AppsV1().Deployments("default").Create(ctx, deployment("web", 10, 300), metav1.CreateOptions{})
	require.NoError(t, err)
	ready(t, client, "web", 10)

	before := names(ready(t, client, "web", 10))
	require.NoError(t, c.Store.Kill())
	require.NoError(t, c.Run(c.Store))
	scale(t, client, "web", 15)
	require.Subset(t, names(ready(t, client, "web", 15)), before, "the pods of before the crash are still there")

	require.NoError(t, c.APIServer.Kill())
	require.NoError(t, c.StartAPIServer(ctx))
	scale(t, client, "web", 20)
	ready(t, client, "web", 20)
	sets, err := client.AppsV1().ReplicaSets("default").List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, sets.Items, 1)
}

// TestManagerTakeover kills the controller-manager that leads while it works; the other one goes on where it was.
func TestManagerTakeover(t *testing.T) {
	c, client, _ := start(t, Options{Controller: []string{
		"--leader-elect-lease-duration=3s", "--leader-elect-renew-deadline=2s", "--leader-elect-retry-period=500ms",
	}}, "node1", "node2")
	ctx := context.Background()
	leader := func() (holder string) {
		lease, err := client.CoordinationV1().Leases("kube-system").Get(ctx, "kube-controller-manager", metav1.GetOptions{})
		if err == nil && lease.Spec.HolderIdentity != nil {
			holder = *lease.Spec.HolderIdentity
		}
		return holder
	}
	until(t, patience, "a leader", func() (bool, error) { return leader() != "", nil })
	first := leader()
	second := c.NewController("kube-controller-manager-2")
	require.NoError(t, c.Run(second))
	_, err := client.AppsV1().Deployments("default").Create(ctx, deployment("web", 30, 300), metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, c.Controller.Kill())
	until(t, patience, "another leader", func() (bool, error) { return leader() != "" && leader() != first, nil })
	ready(t, client, "web", 30)
	sets, err := client.AppsV1().ReplicaSets("default").List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, sets.Items, 1)
}

func names(pods []v1.Pod) (all []string) {
	for i := range pods {
		all = append(all, pods[i].Name)
	}
	return all
}

// scale asks again for as long as the apiserver is not there.
func scale(t *testing.T, client kubernetes.Interface, name string, replicas int32) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	until(t, patience, "scaled", func() (bool, error) {
		_, err := client.AppsV1().Deployments("default").Patch(context.Background(), name, "application/strategic-merge-patch+json", patch, metav1.PatchOptions{})
		return err == nil, err
	})
}
