package history

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func owner() *apps.DaemonSet {
	return &apps.DaemonSet{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: "d", UID: "d-uid", Annotations: map[string]string{"why": "because"},
	}}
}

func template(image string) *v1.PodTemplateSpec {
	return &v1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "d"}},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: image, Args: []string{"<&>"}}}},
	}
}

func start(t *testing.T, objects ...runtime.Object) (*controllertest.Cluster, *History) {
	c := controllertest.New(t, objects...)
	return c, &History{Client: c.Client, Kind: apps.SchemeGroupVersion.WithKind("DaemonSet"), HashLabel: "hash"}
}

func TestATemplateThatReturnsIsTheNewestAgain(t *testing.T) {
	_, h := start(t)
	ctx := context.Background()
	first, collisions, err := h.Current(ctx, owner(), template("a"), nil, nil)
	require.NoError(t, err)
	require.Nil(t, collisions)
	require.EqualValues(t, 1, first.Revision)
	require.Equal(t, "d-"+controller.TemplateHash(template("a"), nil), first.Name)
	require.Equal(t, map[string]string{"app": "d", "hash": controller.TemplateHash(template("a"), nil)}, first.Labels)
	require.Equal(t, map[string]string{"why": "because"}, first.Annotations)
	require.True(t, metav1.IsControlledBy(first, owner()))

	second, _, err := h.Current(ctx, owner(), template("b"), []*apps.ControllerRevision{first}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, second.Revision)

	again, _, err := h.Current(ctx, owner(), template("a"), []*apps.ControllerRevision{first, second}, nil)
	require.NoError(t, err)
	require.Equal(t, first.Name, again.Name)
	require.EqualValues(t, 3, again.Revision)

	unseen, _, err := h.Current(ctx, owner(), template("b"), nil, nil) // the cache is late
	require.NoError(t, err)
	require.Equal(t, second.UID, unseen.UID)
}

func TestANameThatIsTaken(t *testing.T) {
	name := "d-" + controller.TemplateHash(template("a"), nil)
	taken := &apps.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}}
	_, h := start(t, taken)
	rev, collisions, err := h.Current(context.Background(), owner(), template("a"), nil, nil)
	require.NoError(t, err)
	require.Equal(t, ptr.To(int32(1)), collisions)
	require.Equal(t, "d-"+controller.TemplateHash(template("a"), collisions), rev.Name)
}

// TestDataIsAPatch does what kubectl rollout undo does.
func TestDataIsAPatch(t *testing.T) {
	_, h := start(t)
	rev, _, err := h.Current(context.Background(), owner(), template("a"), nil, nil)
	require.NoError(t, err)
	now := owner()
	now.Spec.Template = *template("b")
	now.Spec.Template.Labels["more"] = "x"
	doc, err := json.Marshal(now)
	require.NoError(t, err)
	doc, err = strategicpatch.StrategicMergePatch(doc, rev.Data.Raw, now)
	require.NoError(t, err)
	var undone apps.DaemonSet
	require.NoError(t, json.Unmarshal(doc, &undone))
	require.Equal(t, *template("a"), undone.Spec.Template)
	held, err := Template(rev)
	require.NoError(t, err)
	require.Equal(t, template("a"), held)
}

func TestCutKeepsTheNewestAndThoseInUse(t *testing.T) {
	c, h := start(t)
	var revisions []*apps.ControllerRevision
	for _, image := range []string{"a", "b", "c", "d"} {
		rev, _, err := h.Current(context.Background(), owner(), template(image), revisions, nil)
		require.NoError(t, err)
		revisions = append(revisions, rev)
	}
	c.Writes()
	used := func(rev *apps.ControllerRevision) bool { return rev == revisions[0] }
	require.NoError(t, h.Cut(context.Background(), revisions, used, ptr.To(int32(2))))
	require.Equal(t, []string{"delete controllerrevisions ns/" + revisions[1].Name}, c.Writes())
	require.NoError(t, h.Cut(context.Background(), revisions, used, nil))
	require.Empty(t, c.Writes())
}

func TestNonsenseIsNoTemplate(t *testing.T) {
	for _, raw := range []string{"", "null", "{}", `{"spec":1}`} {
		rev := &apps.ControllerRevision{Data: runtime.RawExtension{Raw: []byte(raw)}}
		_, err := Template(rev)
		require.Error(t, err, raw)
		require.False(t, Same(rev, template("a")))
	}
}
