package tainteviction

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

var unreachable = v1.Taint{Key: v1.TaintNodeUnreachable, Effect: v1.TaintEffectNoExecute}

func newNode(taints ...v1.Taint) *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: v1.NodeSpec{Taints: taints}}
}

func newPod(tolerations ...v1.Toleration) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", UID: "1"},
		Spec:       v1.PodSpec{NodeName: "a", Tolerations: tolerations},
	}
}

func tolerate(key string, secs *int64) v1.Toleration {
	return v1.Toleration{Key: key, Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute, TolerationSeconds: secs}
}

func TestPatience(t *testing.T) {
	notReady := v1.Taint{Key: v1.TaintNodeNotReady, Effect: v1.TaintEffectNoExecute}
	for name, c := range map[string]struct {
		taints      []v1.Taint
		tolerations []v1.Toleration
		want        time.Duration
		doomed      bool
	}{
		"no taint":           {nil, nil, 0, false},
		"another effect":     {[]v1.Taint{{Key: "x", Effect: v1.TaintEffectNoSchedule}}, nil, 0, false},
		"not tolerated":      {[]v1.Taint{unreachable}, nil, 0, true},
		"tolerated for ever": {[]v1.Taint{unreachable}, []v1.Toleration{tolerate(unreachable.Key, nil)}, 0, false},
		"everything tolerated": {
			[]v1.Taint{unreachable, notReady}, []v1.Toleration{{Operator: v1.TolerationOpExists}}, 0, false,
		},
		"for some time": {
			[]v1.Taint{unreachable}, []v1.Toleration{tolerate(unreachable.Key, ptr.To[int64](300))}, 300 * time.Second, true,
		},
		"negative is none": {
			[]v1.Taint{unreachable}, []v1.Toleration{tolerate(unreachable.Key, ptr.To[int64](-1))}, 0, true,
		},
		"more than a duration holds": {
			[]v1.Taint{unreachable}, []v1.Toleration{tolerate(unreachable.Key, ptr.To[int64](1<<62))}, 0, false,
		},
		"the smallest counts": {
			[]v1.Taint{unreachable, notReady},
			[]v1.Toleration{tolerate(unreachable.Key, ptr.To[int64](300)), tolerate(notReady.Key, ptr.To[int64](20)), tolerate(notReady.Key, nil)},
			20 * time.Second, true,
		},
		"one of two is not tolerated": {
			[]v1.Taint{unreachable, notReady}, []v1.Toleration{tolerate(unreachable.Key, nil)}, 0, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, doomed := patience(c.taints, c.tolerations)
			require.Equal(t, c.doomed, doomed)
			if doomed {
				require.Equal(t, c.want, d)
			}
		})
	}
}

func TestEviction(t *testing.T) {
	ctx := context.Background()
	c := controllertest.New(t, newNode(unreachable), newPod(tolerate(unreachable.Key, ptr.To[int64](300))))
	e := newEvictor(c.Env)
	c.Refresh()
	require.Equal(t, controller.Later(300*time.Second), e.sync(ctx, "default/p"))
	c.Clock.Step(299 * time.Second)
	require.Equal(t, controller.Later(time.Second), e.sync(ctx, "default/p"))
	require.Empty(t, c.Writes())

	// The taint goes and comes again: the time starts anew.
	_, err := c.Fake.CoreV1().Nodes().Update(ctx, newNode(), metav1.UpdateOptions{})
	require.NoError(t, err)
	c.Refresh()
	require.NoError(t, e.sync(ctx, "default/p"))
	//nolint:misspell // upstream's message
	require.Equal(t, []string{"Normal TaintManagerEviction Cancelling deletion of Pod default/p"}, c.Events())
	_, err = c.Fake.CoreV1().Nodes().Update(ctx, newNode(unreachable), metav1.UpdateOptions{})
	require.NoError(t, err)
	c.Refresh()
	require.Equal(t, controller.Later(300*time.Second), e.sync(ctx, "default/p"))

	c.Clock.Step(300 * time.Second)
	c.Writes()
	require.NoError(t, e.sync(ctx, "default/p"))
	require.Equal(t, []string{"update pods/status default/p", "delete pods default/p"}, c.Writes())
	require.Equal(t, []string{"Normal TaintManagerEviction Marking for deletion Pod default/p"}, c.Events())

	c.Refresh()
	require.NoError(t, e.sync(ctx, "default/p"))
	require.Empty(t, e.planned)
	require.Empty(t, c.Events())
}

func TestExplained(t *testing.T) {
	c := controllertest.New(t, newNode(unreachable), newPod())
	e := newEvictor(c.Env)
	require.NoError(t, e.explain(context.Background(), newPod()))
	p, err := c.Fake.CoreV1().Pods("default").Get(context.Background(), "p", metav1.GetOptions{})
	require.NoError(t, err)
	why := controller.Condition(p, v1.DisruptionTarget)
	require.NotNil(t, why)
	require.Equal(t, v1.ConditionTrue, why.Status)
	require.Equal(t, "DeletionByTaintManager", why.Reason)
	require.Equal(t, "Taint manager: deleting due to NoExecute taint", why.Message)
	require.NoError(t, e.explain(context.Background(), p), "once is enough")
}

func TestAnotherPodOfTheName(t *testing.T) {
	ctx := context.Background()
	c := controllertest.New(t, newNode(unreachable), newPod(tolerate(unreachable.Key, ptr.To[int64](10))))
	e := newEvictor(c.Env)
	c.Refresh()
	require.Equal(t, controller.Later(10*time.Second), e.sync(ctx, "default/p"))
	c.Clock.Step(9 * time.Second)
	next := newPod(tolerate(unreachable.Key, ptr.To[int64](10)))
	next.UID = "2"
	_, err := c.Fake.CoreV1().Pods("default").Update(ctx, next, metav1.UpdateOptions{})
	require.NoError(t, err)
	c.Refresh()
	require.Equal(t, controller.Later(10*time.Second), e.sync(ctx, "default/p"))
}

func TestRun(t *testing.T) {
	ctx := context.Background()
	c := controllertest.New(t, newNode(), newPod())
	c.Versions()
	c.Start(New(c.Env))
	_, err := c.Fake.CoreV1().Nodes().Update(ctx, newNode(unreachable), metav1.UpdateOptions{})
	require.NoError(t, err)
	c.Eventually(func() bool {
		_, err := c.Fake.CoreV1().Pods("default").Get(ctx, "p", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, "the pod goes when the node gets the taint")
}
