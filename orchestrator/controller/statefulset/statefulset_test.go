package statefulset

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func set(replicas int32, image string) *apps.StatefulSet {
	db := map[string]string{"app": "db"}
	return &apps.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "db", UID: "db-uid", Generation: 1, ResourceVersion: "1"},
		Spec: apps.StatefulSetSpec{
			Replicas: ptr.To(replicas), ServiceName: "db-headless", Selector: &metav1.LabelSelector{MatchLabels: db},
			PodManagementPolicy: apps.OrderedReadyPodManagement, RevisionHistoryLimit: ptr.To(int32(10)),
			UpdateStrategy: apps.StatefulSetUpdateStrategy{
				Type:          apps.RollingUpdateStatefulSetStrategyType,
				RollingUpdate: &apps.RollingUpdateStatefulSetStrategy{Partition: ptr.To(int32(0))},
			},
			VolumeClaimTemplates: []v1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}},
			Template: v1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: db}, Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: image}}},
			},
		},
	}
}

// world is a cluster with a StatefulSet, its controller, and a node on which pods work unless their image is "bad".
type world struct {
	*controllertest.Cluster
	t *testing.T
}

func begin(t *testing.T, objects ...runtime.Object) *world {
	c := controllertest.New(t, objects...)
	c.Versions()
	c.RunPods(func(p *v1.Pod) bool { return p.Spec.Containers[0].Image != "bad" })
	c.Start(New(c.Env))
	return &world{Cluster: c, t: t}
}

func (w *world) set() *apps.StatefulSet {
	s, err := w.Client.AppsV1().StatefulSets("ns").Get(context.Background(), "db", metav1.GetOptions{})
	require.NoError(w.t, err)
	return s
}

func (w *world) change(f func(*apps.StatefulSet)) {
	w.t.Helper()
	w.Eventually(func() bool {
		s := w.set()
		f(s)
		_, err := w.Client.AppsV1().StatefulSets("ns").Update(context.Background(), s, metav1.UpdateOptions{})
		return err == nil
	}, "update")
}

func image(to string) func(*apps.StatefulSet) {
	return func(s *apps.StatefulSet) { s.Spec.Template.Spec.Containers[0].Image = to }
}

func scale(to int32) func(*apps.StatefulSet) {
	return func(s *apps.StatefulSet) { s.Spec.Replicas = ptr.To(to) }
}

// run returns the pods, each as "name image".
func (w *world) run() []string {
	var list []string
	for _, p := range w.Pods(nil) {
		list = append(list, p.Name+" "+p.Spec.Containers[0].Image)
	}
	slices.Sort(list)
	return list
}

// runs waits for these pods and for a status that has seen them.
func (w *world) runs(pods ...string) {
	w.t.Helper()
	w.Eventually(func() bool {
		return slices.Equal(w.run(), pods) && int(w.set().Status.Replicas) == len(pods)
	}, strings.Join(pods, ", "))
}

// done waits as kubectl rollout status does.
func (w *world) done() {
	w.t.Helper()
	w.Eventually(func() bool {
		set := w.set()
		s := set.Status
		return s.ObservedGeneration == set.Generation && s.ReadyReplicas == *set.Spec.Replicas && s.UpdateRevision == s.CurrentRevision &&
			s.UpdatedReplicas == *set.Spec.Replicas
	}, "the rollout ends")
}

// podWrites returns what was done to pods, in order.
func (w *world) podWrites() (list []string) {
	for _, write := range w.Writes() {
		verb, rest, _ := strings.Cut(write, " ")
		if name, ok := strings.CutPrefix(rest, "pods ns/"); ok {
			list = append(list, verb+" "+name)
		}
	}
	return list
}

func (w *world) remove(pod string) {
	require.NoError(w.t, w.Client.CoreV1().Pods("ns").Delete(context.Background(), pod, metav1.DeleteOptions{}))
}

func (w *world) claim(name string) *v1.PersistentVolumeClaim {
	claim, err := w.Client.CoreV1().PersistentVolumeClaims("ns").Get(context.Background(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	return claim
}

func TestPodsComeInOrderWithTheirClaimsAndGoInReverse(t *testing.T) {
	w := begin(t, set(3, "v1"))
	w.done()
	require.Equal(t, []string{"create db-0", "create db-1", "create db-2"}, w.podWrites())
	require.Contains(t, w.Events(), "Normal SuccessfulCreate create Claim data-db-0 Pod db-0 in StatefulSet db success")

	pod, err := w.Client.CoreV1().Pods("ns").Get(context.Background(), "db-1", metav1.GetOptions{})
	require.NoError(t, err)
	revision := "db-" + controller.TemplateHash(&set(1, "v1").Spec.Template, nil)
	require.Equal(t, map[string]string{
		"app": "db", "statefulset.kubernetes.io/pod-name": "db-1", "apps.kubernetes.io/pod-index": "1", "controller-revision-hash": revision,
	}, pod.Labels)
	require.Equal(t, []metav1.OwnerReference{*metav1.NewControllerRef(set(1, "v1"), kind)}, pod.OwnerReferences)
	require.Equal(t, "db-1", pod.Spec.Hostname)
	require.Equal(t, "db-headless", pod.Spec.Subdomain)
	require.Equal(t, "data-db-1", pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName)
	require.Equal(t, map[string]string{"app": "db"}, w.claim("data-db-1").Labels)
	require.Empty(t, w.claim("data-db-1").OwnerReferences)
	require.Equal(t, apps.StatefulSetStatus{
		ObservedGeneration: 1, Replicas: 3, ReadyReplicas: 3, AvailableReplicas: 3, CurrentReplicas: 3, UpdatedReplicas: 3,
		CurrentRevision: revision, UpdateRevision: revision,
	}, w.set().Status)

	w.change(scale(1))
	w.runs("db-0 v1")
	require.Equal(t, []string{"delete db-2", "delete db-1"}, w.podWrites())
	w.claim("data-db-2") // it stays
	w.change(scale(2))
	w.done()
	require.Equal(t, []string{"create db-1"}, w.podWrites())
}

func TestTheNextWaitsForTheOneBeforeUnlessParallel(t *testing.T) {
	w := begin(t, set(3, "bad"))
	w.runs("db-0 bad")
	parallel := set(3, "bad")
	parallel.Spec.PodManagementPolicy = apps.ParallelPodManagement
	w = begin(t, parallel)
	w.runs("db-0 bad", "db-1 bad", "db-2 bad")
	w.change(scale(1))
	w.runs("db-0 bad")
}

func TestARollingUpdateAndItsUndo(t *testing.T) {
	w := begin(t, set(3, "v1"))
	w.done()
	first := w.set().Status.CurrentRevision
	w.podWrites()
	w.change(image("v2"))
	w.done()
	order := []string{"delete db-2", "create db-2", "delete db-1", "create db-1", "delete db-0", "create db-0"}
	require.Equal(t, order, w.podWrites())
	w.runs("db-0 v2", "db-1 v2", "db-2 v2")
	require.NotEqual(t, first, w.set().Status.CurrentRevision)

	w.change(image("v1"))
	w.done()
	require.Equal(t, order, w.podWrites())
	require.Equal(t, first, w.set().Status.CurrentRevision)
	list, err := w.Client.AppsV1().ControllerRevisions("ns").List(context.Background(), metav1.ListOptions{})
	require.NoError(t, err)
	numbers := map[string]int64{}
	for _, rev := range list.Items {
		numbers[fmt.Sprint(rev.Name == first)] = rev.Revision
	}
	require.Equal(t, map[string]int64{"true": 3, "false": 2}, numbers)
}

func TestAPartitionKeepsTheRevisionBelowIt(t *testing.T) {
	w := begin(t, set(3, "v1"))
	w.done()
	w.change(func(s *apps.StatefulSet) {
		image("v2")(s)
		s.Spec.UpdateStrategy.RollingUpdate.Partition = ptr.To(int32(2))
	})
	w.runs("db-0 v1", "db-1 v1", "db-2 v2")
	w.Eventually(func() bool {
		s := w.set().Status
		return s.UpdatedReplicas == 1 && s.CurrentReplicas == 2 && s.ReadyReplicas == 3
	}, "counted")
	w.remove("db-0")
	w.remove("db-2")
	w.Eventually(func() bool { return len(w.Pods(controller.Ready)) == 3 }, "back")
	w.runs("db-0 v1", "db-1 v1", "db-2 v2")
	w.change(func(s *apps.StatefulSet) { s.Spec.UpdateStrategy.RollingUpdate.Partition = ptr.To(int32(0)) })
	w.done()
	w.runs("db-0 v2", "db-1 v2", "db-2 v2")
}

func TestABadUpdateStopsAtMaxUnavailable(t *testing.T) {
	s := set(4, "v1")
	s.Spec.PodManagementPolicy = apps.ParallelPodManagement
	s.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable = ptr.To(intstr.FromString("50%"))
	w := begin(t, s)
	w.done()
	w.change(image("bad"))
	w.runs("db-0 v1", "db-1 v1", "db-2 bad", "db-3 bad")
	w.Eventually(func() bool { s := w.set().Status; return s.AvailableReplicas == 2 && s.UpdatedReplicas == 2 }, "counted")
	w.change(image("v2")) // which can mend it
	w.done()
	w.runs("db-0 v2", "db-1 v2", "db-2 v2", "db-3 v2")
}

func TestOnDelete(t *testing.T) {
	s := set(2, "v1")
	s.Spec.UpdateStrategy = apps.StatefulSetUpdateStrategy{Type: apps.OnDeleteStatefulSetStrategyType}
	w := begin(t, s)
	w.done()
	w.change(image("v2"))
	w.Eventually(func() bool {
		s := w.set().Status
		return s.ObservedGeneration == 2 && s.CurrentRevision != s.UpdateRevision
	}, "seen")
	w.runs("db-0 v1", "db-1 v1")
	w.remove("db-0")
	w.runs("db-0 v2", "db-1 v1")
	w.remove("db-1")
	w.done()
}

func TestClaimsGoWithWhomTheyShall(t *testing.T) {
	s := set(2, "v1")
	s.Spec.PersistentVolumeClaimRetentionPolicy = &apps.StatefulSetPersistentVolumeClaimRetentionPolicy{
		WhenScaled: apps.DeletePersistentVolumeClaimRetentionPolicyType, WhenDeleted: apps.DeletePersistentVolumeClaimRetentionPolicyType,
	}
	w := begin(t, s)
	w.done()
	require.Equal(t, []metav1.OwnerReference{*metav1.NewControllerRef(s, kind)}, w.claim("data-db-0").OwnerReferences)
	doomed, err := w.Client.CoreV1().Pods("ns").Get(context.Background(), "db-1", metav1.GetOptions{})
	require.NoError(t, err)
	w.change(scale(1))
	w.runs("db-0 v1")
	require.Equal(t, []metav1.OwnerReference{*metav1.NewControllerRef(doomed, podKind)}, w.claim("data-db-1").OwnerReferences)

	w.change(scale(2)) // the garbage collector has not been there yet
	w.Eventually(func() bool { return w.set().Status.ObservedGeneration == 3 }, "seen")
	require.Equal(t, []string{"db-0 v1"}, w.run(), "a pod must not take a claim that is about to go")
	require.NoError(t, w.Client.CoreV1().PersistentVolumeClaims("ns").Delete(context.Background(), "data-db-1", metav1.DeleteOptions{}))
	w.done()
	require.Equal(t, []metav1.OwnerReference{*metav1.NewControllerRef(s, kind)}, w.claim("data-db-1").OwnerReferences)

	w.change(func(s *apps.StatefulSet) { s.Spec.PersistentVolumeClaimRetentionPolicy = nil })
	w.Eventually(func() bool {
		return len(w.claim("data-db-0").OwnerReferences)+len(w.claim("data-db-1").OwnerReferences) == 0
	}, "they stay")
}

func TestAFailedPodIsMadeAnew(t *testing.T) {
	w := begin(t, set(1, "v1"))
	w.done()
	failed := w.Pods(nil)[0]
	failed.Status.Phase = v1.PodFailed
	_, err := w.Client.CoreV1().Pods("ns").UpdateStatus(context.Background(), &failed, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.Eventually(func() bool { p := w.Pods(controller.Ready); return len(p) == 1 && p[0].UID != failed.UID }, "another of the same name")
	require.Contains(t, w.Events(), "Warning RecreatingFailedPod StatefulSet ns/db is recreating failed Pod db-0")
}

func TestOrdinalsStartWhereTheyAreTold(t *testing.T) {
	s := set(2, "v1")
	s.Spec.Ordinals = &apps.StatefulSetOrdinals{Start: 5}
	w := begin(t, s)
	w.done()
	w.runs("db-5 v1", "db-6 v1")
	w.change(func(s *apps.StatefulSet) { s.Spec.Ordinals.Start = 6 })
	w.done()
	w.runs("db-6 v1", "db-7 v1")
}

func TestAnOrphanOfTheNameIsAdoptedAndIdentified(t *testing.T) {
	orphan := newPod(set(1, "v1"), &set(1, "v1").Spec.Template, "db-old", 0)
	orphan.UID, orphan.ResourceVersion, orphan.OwnerReferences = "orphan", "1", nil
	delete(orphan.Labels, apps.PodIndexLabel)
	stranger := orphan.DeepCopy()
	stranger.Name, stranger.UID = "other-0", "stranger"
	s := set(1, "v1")
	s.Spec.UpdateStrategy.Type = apps.OnDeleteStatefulSetStrategyType
	w := begin(t, s, orphan, stranger)
	w.Eventually(func() bool {
		return len(w.Pods(func(p *v1.Pod) bool { return metav1.IsControlledBy(p, s) && p.Labels[apps.PodIndexLabel] == "0" })) == 1
	}, "adopted")
	require.Len(t, w.Pods(func(p *v1.Pod) bool { return p.Name == "other-0" && len(p.OwnerReferences) == 0 }), 1)
}

func TestOrdinalOf(t *testing.T) {
	for name, want := range map[string]int{
		"db-0": 0, "db-12": 12, "db": -1, "db-": -1, "db-x": -1, "other-1": -1, "db-a-1": -1, "db-99999999999": -1,
	} {
		require.Equal(t, want, ordinalOf(set(1, ""), &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}}), name)
	}
}
