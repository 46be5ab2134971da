package controllertest

import (
	"encoding/json"
	"errors"
	"strconv"
	"sync"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	core "k8s.io/client-go/testing"
)

// Versions makes the apiserver count: every write gives an object another resourceVersion, an update of an old one is a conflict,
// a change of a spec raises the generation, and creation has a time. Whoever lets a controller run while objects change wants it:
// without, the controller's late writes undo those of the test.
func (c *Cluster) Versions() {
	v := &versions{cluster: c, react: core.ObjectReaction(c.Fake.Tracker()), count: 1000} // objects of the test may have lower ones
	c.Fake.PrependReactor("create", "*", v.create)
	c.Fake.PrependReactor("update", "*", v.update)
	c.Fake.PrependReactor("patch", "*", v.patch)
}

// versions is what Versions has of its own: the count of writes.
type versions struct {
	cluster *Cluster
	react   core.ReactionFunc

	mu    sync.Mutex
	count int
}

func (v *versions) next() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count++
	return strconv.Itoa(v.count)
}

func (v *versions) create(action core.Action) (bool, runtime.Object, error) {
	create, ok := action.(core.CreateAction)
	if !ok || action.GetSubresource() != "" {
		return false, nil, nil
	}
	if obj, err := meta.Accessor(create.GetObject()); err == nil {
		obj.SetResourceVersion(v.next())
		obj.SetGeneration(1)
		obj.SetCreationTimestamp(metav1.NewTime(v.cluster.Clock.Now()))
	}
	return false, nil, nil
}

func (v *versions) update(action core.Action) (bool, runtime.Object, error) {
	update, ok := action.(core.UpdateAction)
	if !ok {
		return false, nil, nil
	}
	obj, err := meta.Accessor(update.GetObject())
	if err != nil {
		return false, nil, nil
	}
	now, err := v.cluster.Fake.Tracker().Get(action.GetResource(), action.GetNamespace(), obj.GetName())
	if err != nil {
		return true, nil, err
	}
	was, err := meta.Accessor(now)
	if err != nil {
		return true, nil, err
	}
	if obj.GetResourceVersion() != was.GetResourceVersion() {
		return true, nil, conflict(action, obj.GetName())
	}
	if err := v.stamp(now, update.GetObject()); err != nil {
		return true, nil, err
	}
	return false, nil, nil
}

func (v *versions) patch(action core.Action) (bool, runtime.Object, error) {
	patch, ok := action.(core.PatchAction)
	if !ok {
		return false, nil, nil
	}
	was, err := v.cluster.Fake.Tracker().Get(action.GetResource(), action.GetNamespace(), patch.GetName())
	if err != nil {
		return true, nil, err
	}
	if m, err := meta.Accessor(was); err != nil {
		return true, nil, err
	} else if rv := versionIn(patch.GetPatch()); rv != "" && rv != m.GetResourceVersion() {
		return true, nil, conflict(action, patch.GetName())
	}
	handled, obj, err := v.react(action)
	if !handled || err != nil {
		return handled, obj, err
	}
	if err := v.stamp(was, obj); err != nil {
		return true, nil, err
	}
	return true, obj, v.cluster.Fake.Tracker().Update(action.GetResource(), obj, action.GetNamespace())
}

// versionIn is the resourceVersion that a merge patch insists on.
func versionIn(patch []byte) string {
	var m metav1.PartialObjectMetadata
	if err := json.Unmarshal(patch, &m); err != nil {
		return "" // a JSON patch is a list
	}
	return m.ResourceVersion
}

func conflict(action core.Action, name string) error {
	return apierrors.NewConflict(action.GetResource().GroupResource(), name, errors.New("it has changed"))
}

// stamp numbers a write that makes obj of was.
func (v *versions) stamp(was, obj runtime.Object) error {
	before, err := runtime.DefaultUnstructuredConverter.ToUnstructured(was)
	if err != nil {
		return err
	}
	after, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return err
	}
	m, err := meta.Accessor(obj)
	if err != nil {
		return err
	}
	m.SetResourceVersion(v.next())
	if !apiequality.Semantic.DeepEqual(before["spec"], after["spec"]) {
		m.SetGeneration(m.GetGeneration() + 1)
	}
	return nil
}
