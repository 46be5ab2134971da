package volume

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	volumehelpers "k8s.io/component-helpers/storage/volume"
	testclock "k8s.io/utils/clock/testing"
)

// rig is a binder whose caches hold what a test puts there; what it writes goes to a fake client.
type rig struct {
	*Binder
	t       *testing.T
	client  *fake.Clientset
	factory informers.SharedInformerFactory
	clock   *testclock.FakeClock
}

func newRig(t *testing.T, objs ...runtime.Object) *rig {
	t.Helper()
	client := fake.NewClientset(objs...)
	f := informers.NewSharedInformerFactory(client, 0)
	clock := testclock.NewFakeClock(time.Unix(1000, 0))
	r := &rig{t: t, client: client, factory: f, clock: clock, Binder: NewBinder(client, f, clock)}
	for _, o := range objs {
		r.show(o)
	}
	return r
}

// show lets the caches have an object.
func (r *rig) show(o runtime.Object) {
	r.t.Helper()
	var err error
	switch o := o.(type) {
	case *v1.PersistentVolumeClaim:
		err = r.factory.Core().V1().PersistentVolumeClaims().Informer().GetIndexer().Add(o)
	case *v1.PersistentVolume:
		err = r.factory.Core().V1().PersistentVolumes().Informer().GetIndexer().Add(o)
	case *storagev1.StorageClass:
		err = r.factory.Storage().V1().StorageClasses().Informer().GetIndexer().Add(o)
	default:
		err = fmt.Errorf("no cache of %T", o)
	}
	require.NoError(r.t, err)
}

func class(name, provisioner string, mode storagev1.VolumeBindingMode, zones ...string) *storagev1.StorageClass {
	c := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: provisioner, VolumeBindingMode: &mode}
	if len(zones) > 0 {
		c.AllowedTopologies = []v1.TopologySelectorTerm{{MatchLabelExpressions: []v1.TopologySelectorLabelRequirement{{Key: v1.LabelTopologyZone, Values: zones}}}}
	}
	return c
}

func claim(name, class string, with ...func(*v1.PersistentVolumeClaim)) *v1.PersistentVolumeClaim {
	c := &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name), Annotations: map[string]string{}},
		Spec: v1.PersistentVolumeClaimSpec{StorageClassName: &class, AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
			Resources: v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}}},
	}
	for _, f := range with {
		f(c)
	}
	return c
}

func boundTo(volume string) func(*v1.PersistentVolumeClaim) {
	return func(c *v1.PersistentVolumeClaim) {
		c.Spec.VolumeName = volume
		c.Annotations[volumehelpers.AnnBindCompleted] = "yes"
	}
}

func selected(node string) func(*v1.PersistentVolumeClaim) {
	return func(c *v1.PersistentVolumeClaim) { c.Annotations[volumehelpers.AnnSelectedNode] = node }
}

// volume is one of 2 GiB that zone z1 can reach.
func volume(name, class string) *v1.PersistentVolume {
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1.PersistentVolumeSpec{StorageClassName: class, AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
			Capacity: v1.ResourceList{v1.ResourceStorage: resource.MustParse("2Gi")},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
				MatchExpressions: []v1.NodeSelectorRequirement{{Key: v1.LabelTopologyZone, Operator: v1.NodeSelectorOpIn, Values: []string{"z1"}}}}}}}},
		Status: v1.PersistentVolumeStatus{Phase: v1.VolumeAvailable},
	}
}

func pod(claims ...string) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "default", UID: "p"}}
	for _, c := range claims {
		p.Spec.Volumes = append(p.Spec.Volumes, v1.Volume{Name: c, VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: c}}})
	}
	return p
}

func node(name, zone string) *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelTopologyZone: zone}}}
}

// Node a is in zone z1, b in z2.
func TestWhereAPodMayGo(t *testing.T) {
	const wait, now = storagev1.VolumeBindingWaitForFirstConsumer, storagev1.VolumeBindingImmediate
	local := class("local", volumehelpers.NotSupportedProvisioner, wait)
	ephemeral := pod()
	ephemeral.Spec.Volumes = []v1.Volume{{Name: "tmp", VolumeSource: v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{}}}}
	for name, tt := range map[string]struct {
		objs []runtime.Object
		pod  *v1.Pod
		err  string
		a, b string // refusals
	}{
		"no claims":                {pod: pod()},
		"missing":                  {pod: pod("c"), err: `persistentvolumeclaim "c" not found`},
		"being deleted":            {objs: []runtime.Object{claim("c", "", func(c *v1.PersistentVolumeClaim) { c.DeletionTimestamp = &metav1.Time{}; c.Finalizers = []string{"x"} })}, pod: pod("c"), err: `persistentvolumeclaim "c" is being deleted`},
		"lost":                     {objs: []runtime.Object{claim("c", "", boundTo("gone"), func(c *v1.PersistentVolumeClaim) { c.Status.Phase = v1.ClaimLost })}, pod: pod("c"), err: `persistentvolumeclaim "c" bound to non-existent persistentvolume "gone"`},
		"immediate":                {objs: []runtime.Object{class("now", "x/y", now), claim("c", "now")}, pod: pod("c"), err: errImmediate.Error()},
		"no class":                 {objs: []runtime.Object{claim("c", "")}, pod: pod("c"), err: errImmediate.Error()},
		"half bound":               {objs: []runtime.Object{local, claim("c", "local", func(c *v1.PersistentVolumeClaim) { c.Spec.VolumeName = "v" })}, pod: pod("c"), err: errImmediate.Error()},
		"ephemeral":                {pod: ephemeral, err: `waiting for ephemeral volume controller to create the persistentvolumeclaim "p-tmp"`},
		"ephemeral, not the pod's": {objs: []runtime.Object{claim("p-tmp", "", boundTo("v"))}, pod: ephemeral, err: "PVC default/p-tmp was not created for pod default/p (pod is not owner)"},

		"bound":                {objs: []runtime.Object{volume("v", "local"), claim("c", "local", boundTo("v"))}, pod: pod("c"), b: otherNode},
		"bound to nothing":     {objs: []runtime.Object{claim("c", "local", boundTo("v"))}, pod: pod("c"), a: lostVolume, b: lostVolume},
		"a volume waits":       {objs: []runtime.Object{local, volume("v", "local"), claim("c", "local")}, pod: pod("c"), b: noVolume},
		"of another class":     {objs: []runtime.Object{local, volume("v", "other"), claim("c", "local")}, pod: pod("c"), a: noVolume, b: noVolume},
		"one for two claims":   {objs: []runtime.Object{local, volume("v", "local"), claim("c", "local"), claim("d", "local")}, pod: pod("c", "d"), a: noVolume, b: noVolume},
		"one for each":         {objs: []runtime.Object{local, volume("v", "local"), volume("w", "local"), claim("c", "local"), claim("d", "local")}, pod: pod("c", "d"), b: noVolume},
		"can be made":          {objs: []runtime.Object{class("made", "x/y", wait), claim("c", "made")}, pod: pod("c")},
		"can be made in z2":    {objs: []runtime.Object{class("made", "x/y", wait, "z2"), claim("c", "made")}, pod: pod("c"), a: noVolume},
		"is made for b by now": {objs: []runtime.Object{class("made", "x/y", wait), claim("c", "made", selected("b"))}, pod: pod("c"), a: noVolume},
	} {
		t.Run(name, func(t *testing.T) {
			claims, err := newRig(t, tt.objs...).Look(tt.pod)
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.a, claims.Refuses(node("a", "z1")))
			require.Equal(t, tt.b, claims.Refuses(node("b", "z2")))
		})
	}
}

func TestAVolumeIsHeldForOnePod(t *testing.T) {
	r := newRig(t, class("local", volumehelpers.NotSupportedProvisioner, storagev1.VolumeBindingWaitForFirstConsumer),
		volume("v", "local"), claim("c", "local"), claim("d", "local"))
	first, err := r.Reserve(pod("c"), node("a", "z1"))
	require.NoError(t, err)
	_, err = r.Reserve(pod("d"), node("a", "z1"))
	require.EqualError(t, err, "a: "+noVolume)
	first.Release()
	_, err = r.Reserve(pod("d"), node("a", "z1"))
	require.NoError(t, err)
}

// commit runs a Commit on the side.
func (r *rig) commit(p *v1.Pod, n *v1.Node) <-chan error {
	r.t.Helper()
	reserved, err := r.Reserve(p, n)
	require.NoError(r.t, err)
	done := make(chan error, 1)
	go func() { done <- reserved.Commit(r.t.Context(), n.Name) }()
	return done
}

// tick lets time go by as soon as somebody waits for it.
func (r *rig) tick(d time.Duration) {
	r.t.Helper()
	require.Eventually(r.t, r.clock.HasWaiters, 10*time.Second, time.Millisecond)
	r.clock.Step(d)
}

func TestCommitNamesTheNodeAndWaits(t *testing.T) {
	c := claim("c", "made")
	r := newRig(t, class("made", "x/y", storagev1.VolumeBindingWaitForFirstConsumer), c)
	done := r.commit(pod("c"), node("a", "z1"))
	r.tick(bindPoll)
	written, err := r.client.CoreV1().PersistentVolumeClaims("default").Get(t.Context(), "c", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "a", written.Annotations[volumehelpers.AnnSelectedNode])
	select {
	case <-done:
		require.Fail(t, "it isn't bound yet")
	default:
	}
	r.show(claim("c", "made", selected("a"), boundTo("v")))
	require.Eventually(t, func() bool {
		r.clock.Step(bindPoll)
		return len(done) == 1
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, <-done)
}

func TestCommitEndsWhenItIsHopeless(t *testing.T) {
	made := class("made", "x/y", storagev1.VolumeBindingWaitForFirstConsumer)
	t.Run("never bound", func(t *testing.T) {
		r := newRig(t, made, claim("c", "made"))
		done := r.commit(pod("c"), node("a", "z1"))
		r.tick(bindTimeout + time.Second)
		require.ErrorContains(t, <-done, "were not bound within 10m0s")
	})
	t.Run("provisioner gave the node up", func(t *testing.T) {
		version := func(v string) func(*v1.PersistentVolumeClaim) {
			return func(c *v1.PersistentVolumeClaim) { c.ResourceVersion = v }
		}
		r := newRig(t, made, claim("c", "made", version("8")))
		r.client.PrependReactor("patch", "persistentvolumeclaims", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, claim("c", "made", selected("a"), version("10")), nil
		})
		done := r.commit(pod("c"), node("a", "z1"))
		require.Eventually(t, r.clock.HasWaiters, 10*time.Second, time.Millisecond)
		r.show(claim("c", "made", version("9"))) // somebody changed it before us
		r.clock.Step(bindPoll)
		require.Eventually(t, func() bool { return r.clock.HasWaiters() || len(done) > 0 }, 10*time.Second, time.Millisecond)
		require.Empty(t, done, "what the informer shows is older than what was written")
		r.show(claim("c", "made", version("11")))
		r.clock.Step(bindPoll)
		require.ErrorContains(t, <-done, "no volume can be provisioned for node a")
	})
	t.Run("apiserver says no", func(t *testing.T) {
		r := newRig(t, made, claim("c", "made"))
		r.client.PrependReactor("patch", "persistentvolumeclaims", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, fmt.Errorf("no")
		})
		require.EqualError(t, <-r.commit(pod("c"), node("a", "z1")), "claim c: no")
	})
	t.Run("stopped", func(t *testing.T) {
		r := newRig(t, made, claim("c", "made"))
		reserved, err := r.Reserve(pod("c"), node("a", "z1"))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, reserved.Commit(ctx, "a"), context.Canceled)
	})
}
