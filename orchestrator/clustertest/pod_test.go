package clustertest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// TestElevenSteps follows one pod from the user's request to its running on a node: through the apiserver, by resourceVersion, and
// through the store, by a watch of its key. Both must tell the same story. Its output reads like it.
func TestElevenSteps(t *testing.T) {
	c, client, _ := start(t, Options{}, "node1", "node2")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	store, err := clientv3.New(clientv3.Config{Endpoints: []string{c.StoreURL}})
	require.NoError(t, err)
	defer store.Close()
	until(t, time.Minute, "the default account", func() (bool, error) {
		_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err == nil, err
	})
	const key = "/registry/pods/default/web"
	stored := store.Watch(ctx, key)

	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: v1.PodSpec{Containers: []v1.Container{{Name: "web", Image: "nginx"}}}}
	created, err := client.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Empty(t, created.Spec.NodeName)
	told, err := client.CoreV1().Pods("default").Watch(ctx, metav1.SingleObject(metav1.ObjectMeta{Name: "web", ResourceVersion: before(t, created)}))
	require.NoError(t, err)
	defer told.Stop()

	say := func(step int, format string, args ...any) { t.Logf("%2d. %s", step, fmt.Sprintf(format, args...)) }
	at := func(p *v1.Pod) string { return "resourceVersion " + p.ResourceVersion }

	// Each change is taken from the store and from the apiserver, and must be the same one.
	next := func() *v1.Pod {
		inStore := nextStored(t, stored)
		event, open := <-told.ResultChan()
		require.True(t, open, "the apiserver's watch ended")
		shown, ok := event.Object.(*v1.Pod)
		require.True(t, ok, "%T", event.Object)
		require.Equal(t, inStore.revision, shown.ResourceVersion, "the store's revision is the object's resourceVersion")
		require.Equal(t, inStore.pod.Spec.NodeName, shown.Spec.NodeName)
		require.Equal(t, inStore.pod.Status.Phase, shown.Status.Phase)
		return shown
	}

	first := next()
	require.Equal(t, created.ResourceVersion, first.ResourceVersion)
	say(1, "kube-apiserver creates the Pod object default/web, uid %s", created.UID)
	say(2, "it is stored in etcd: %s, %s", key, at(first))
	say(3, "the user is told: pod/web created, phase %s, no node yet", created.Status.Phase)

	var bound *v1.Pod
	for bound == nil {
		if p := next(); p.Spec.NodeName != "" {
			bound = p
		}
	}
	require.Contains(t, []string{"node1", "node2"}, bound.Spec.NodeName)
	until(t, time.Minute, "the scheduler's event", func() (bool, error) {
		events, err := client.CoreV1().Events("default").List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=web,reason=Scheduled"})
		return err == nil && len(events.Items) > 0 && strings.Contains(events.Items[0].Message, bound.Spec.NodeName), err
	})
	say(4, "kube-scheduler, watching, sees a pod without a node")
	say(5, "it picks %s and tells the apiserver", bound.Spec.NodeName)
	say(6, "that is stored: %s", at(bound))

	var running *v1.Pod
	for running == nil {
		if p := next(); p.Status.Phase == v1.PodRunning {
			running = p
		}
	}
	require.Equal(t, bound.Spec.NodeName, running.Spec.NodeName)
	require.NotEmpty(t, running.Status.PodIP)
	require.NotNil(t, running.Status.ContainerStatuses[0].State.Running)
	say(7, "the apiserver tells the kubelet of %s, which watches", running.Spec.NodeName)
	say(8, "the kubelet makes the pod, address %s", running.Status.PodIP)
	say(9, "the container runtime starts image %s as %s", running.Status.ContainerStatuses[0].Image, running.Status.ContainerStatuses[0].ContainerID)
	say(10, "the kubelet reports: phase %s, ready", running.Status.Phase)
	say(11, "that is stored: %s", at(running))
}

// before is the revision before an object's: a watch from there shows it.
func before(t *testing.T, p *v1.Pod) string {
	t.Helper()
	var n int64
	_, err := fmt.Sscan(p.ResourceVersion, &n)
	require.NoError(t, err)
	return fmt.Sprint(n - 1)
}

// storedPod is a pod as the store has it.
type storedPod struct {
	pod      *v1.Pod
	revision string
}

// nextStored decodes the next change of the pod's key.
func nextStored(t *testing.T, changes clientv3.WatchChan) storedPod {
	t.Helper()
	answer, open := <-changes
	require.True(t, open, "the store's watch ended")
	require.NoError(t, answer.Err())
	require.Len(t, answer.Events, 1, "one change is one revision")
	codec := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	obj, err := runtime.Decode(codec, answer.Events[0].Kv.Value)
	require.NoError(t, err)
	pod, ok := obj.(*v1.Pod)
	require.True(t, ok, "%T", obj)
	return storedPod{pod, fmt.Sprint(answer.Events[0].Kv.ModRevision)}
}
