package controller

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
)

var ownerKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}

func ownedPod(name, owner string, uid types.UID) *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)}}
	if owner != "" {
		ref := &metav1.ObjectMeta{Name: owner, UID: uid}
		pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(ref, ownerKind)}
	}
	return pod
}

func TestOwnedQueuesOwners(t *testing.T) {
	gone := ownedPod("gone", "set", "set-uid")
	gone.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	foreign := ownedPod("foreign", "set", "set-uid")
	foreign.OwnerReferences[0].APIVersion = "example.com/v1"
	for name, c := range map[string]struct {
		happens func(o Owned[*v1.Pod])
		queued  []string
		open    bool
	}{
		"a pod comes": {func(o Owned[*v1.Pod]) { o.added(ownedPod("p", "set", "set-uid")) }, []string{"ns/set"}, true},
		"the two expected come": {func(o Owned[*v1.Pod]) {
			o.added(ownedPod("p", "set", "set-uid"))
			o.deleted(ownedPod("q", "set", "set-uid"))
		}, []string{"ns/set"}, false},
		"an old owner's":    {func(o Owned[*v1.Pod]) { o.added(ownedPod("p", "set", "old-uid")) }, nil, true},
		"another group's":   {func(o Owned[*v1.Pod]) { o.added(foreign) }, nil, true},
		"an orphan":         {func(o Owned[*v1.Pod]) { o.added(ownedPod("p", "", "")) }, []string{"ns/adopter"}, true},
		"a deleted orphan":  {func(o Owned[*v1.Pod]) { o.deleted(ownedPod("p", "", "")) }, nil, true},
		"a pod about to go": {func(o Owned[*v1.Pod]) { o.added(gone) }, []string{"ns/set"}, true},
		"a released pod is both": {func(o Owned[*v1.Pod]) {
			o.updated(ownedPod("p", "set", "set-uid"), ownedPod("p", "", ""))
		}, []string{"ns/adopter", "ns/set"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			loop := NewLoop("test", 1, nil)
			expected := NewExpectations(clocktesting.NewFakePassiveClock(time.Unix(1, 0)), loop)
			expected.ExpectCreations("ns/set", 1)
			expected.ExpectDeletion("ns/set", "q")
			o := Owned[*v1.Pod]{
				Loop: loop, Kind: ownerKind, Expected: expected,
				Owner: func(_, name string) (metav1.Object, error) {
					if name != "set" {
						return nil, apierrors.NewNotFound(schema.GroupResource{}, name)
					}
					return &metav1.ObjectMeta{Name: name, UID: "set-uid"}, nil
				},
				Adopters: func(*v1.Pod) []string { return []string{"ns/adopter"} },
			}
			c.happens(o)
			var queued []string
			for o.Loop.Len() > 0 {
				key, _ := o.Loop.queue.Get()
				queued = append(queued, key)
				o.Loop.queue.Done(key)
			}
			slices.Sort(queued)
			require.Equal(t, c.queued, queued)
			require.Equal(t, c.open, !expected.Satisfied("ns/set"))
		})
	}
}

func TestSelecting(t *testing.T) {
	set := func(name string, s *metav1.LabelSelector) *apps.ReplicaSet {
		return &apps.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: apps.ReplicaSetSpec{Selector: s}}
	}
	sets := []*apps.ReplicaSet{
		set("web", &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}),
		set("db", &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}),
		set("all", &metav1.LabelSelector{}),
		set("none", nil),
		set("broken", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "?"}}}),
	}
	selector := func(s *apps.ReplicaSet) *metav1.LabelSelector { return s.Spec.Selector }
	require.Equal(t, []string{"ns/web"}, Selecting(sets, selector, map[string]string{"app": "web"}))
}

func TestSelectorFor(t *testing.T) {
	web := map[string]string{"app": "web"}
	s, err := SelectorFor(&metav1.LabelSelector{MatchLabels: web}, map[string]string{"app": "web", "more": "x"})
	require.NoError(t, err)
	require.Equal(t, "app=web", s.String())
	for name, refused := range map[string]*metav1.LabelSelector{
		"none": nil, "everything": {}, "another's": {MatchLabels: map[string]string{"app": "db"}},
		"nonsense": {MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "?"}}},
	} {
		_, err := SelectorFor(refused, web)
		require.Error(t, err, name)
	}
}
