package job

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	core "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// overtaken is a cache of pods in which they are shown just after it was read.
type overtaken struct {
	cache.Indexer
	show func()
}

func (o *overtaken) ByIndex(index, key string) ([]any, error) {
	objs, err := o.Indexer.ByIndex(index, key)
	o.show()
	return objs, err
}

func TestALateCacheMakesNothingTwice(t *testing.T) {
	s := newScript(t, nil)
	s.sync()
	require.Len(t, s.pods(), 1)
	s.late()
	require.Len(t, s.pods(), 1, "it was not shown yet")
	s.c.byJob = &overtaken{Indexer: s.c.byJob, show: s.showPods}
	s.late()
	require.Len(t, s.pods(), 1, "it was shown, but not to this sync")
}

// A Job that ends before its pods are shown has to end them first.
func TestEndWaitsForPodsThatAreNotShown(t *testing.T) {
	s := newScript(t, func(j *batchv1.JobSpec) { j.ActiveDeadlineSeconds = ptr.To[int64](60) })
	s.sync()
	s.Clock.Step(time.Minute)
	s.late()
	require.Equal(t, []string{"FailureTarget DeadlineExceeded"}, s.reasons())
	require.Len(t, s.pods(), 1)
	s.sync()
	require.Empty(t, s.pods())
	s.sync()
	require.Contains(t, s.reasons(), "Failed DeadlineExceeded")
}

func TestPodsOfAnEndedJobGo(t *testing.T) {
	s := newScript(t, nil)
	s.sync()
	j := s.job()
	j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
	require.NoError(t, s.Fake.Tracker().Update(batchv1.SchemeGroupVersion.WithResource("jobs"), j, "ns"))
	s.sync()
	require.Empty(t, s.pods())
}

// Pods that were gone when they were to be deleted leave nothing to wait for.
func TestDeletionsOfWhatIsGone(t *testing.T) {
	s := newScript(t, nil)
	s.sync()
	s.showPods()
	j := s.job()
	j.Spec.Suspend = ptr.To(true)
	require.NoError(t, s.Fake.Tracker().Update(batchv1.SchemeGroupVersion.WithResource("jobs"), j, "ns"))
	s.c.podGone(&s.pods()[0]) // its end is shown before we delete it
	require.NoError(t, s.Fake.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), "ns", s.pods()[0].Name))
	s.late()
	require.True(t, s.c.expected.Satisfied(key))
}

// The cache of pods is ahead of that of Jobs.
func TestPodsOfAJobThatIsNotShownAreHeld(t *testing.T) {
	for name, shown := range map[string][]any{"none": {}, "one that had its name before": {other()}} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, nil)
			s.sync()
			s.showPods()
			require.NoError(t, s.Informers.Batch().V1().Jobs().Informer().GetIndexer().Replace(shown, ""))
			require.NoError(t, s.c.sync(t.Context(), key))
			held := 0
			for _, p := range s.pods() {
				if metav1.IsControlledBy(&p, s.job()) && hasFinalizer(&p) {
					held++
				}
			}
			require.Equal(t, 1, held)
		})
	}
}

func other() *batchv1.Job {
	j := newJob(nil)
	j.UID = "job-0"
	return j
}

// The informer may show that a pod is free before the apiserver's answer has come.
func TestReleaseIsShownAtOnce(t *testing.T) {
	s := newScript(t, nil)
	s.sync()
	p := s.pods()[0]
	refuse := true
	s.Fake.PrependReactor("patch", "pods", func(core.Action) (bool, runtime.Object, error) {
		if refuse {
			return true, nil, errors.New("down")
		}
		free := p.DeepCopy()
		free.Finalizers = nil
		s.c.podChanged(free)
		return true, free, nil
	})
	require.Error(t, s.c.release(t.Context(), []*corev1.Pod{&p}))
	require.True(t, s.c.tracked(&p))
	refuse = false
	require.NoError(t, s.c.release(t.Context(), []*corev1.Pod{&p}))
	require.Empty(t, s.c.released.uids)
}

// What cannot be released is not deleted, and does not keep others.
func TestReleasesAndDeletesOneByOne(t *testing.T) {
	s := newScript(t, func(j *batchv1.JobSpec) { j.Completions, j.Parallelism = ptr.To[int32](2), ptr.To[int32](2) })
	s.sync()
	s.showPods()
	stuck := s.pods()[0].Name
	s.Fake.PrependReactor("patch", "pods", func(a core.Action) (bool, runtime.Object, error) {
		if p, ok := a.(core.PatchAction); ok && p.GetName() == stuck {
			return true, nil, errors.New("down")
		}
		return false, nil, nil
	})
	j := s.job()
	j.Spec.Suspend = ptr.To(true)
	require.NoError(t, s.Fake.Tracker().Update(batchv1.SchemeGroupVersion.WithResource("jobs"), j, "ns"))
	require.NoError(t, s.Informers.Batch().V1().Jobs().Informer().GetIndexer().Replace([]any{j}, ""))
	require.Error(t, s.c.sync(t.Context(), key))
	require.Len(t, s.pods(), 1)
	require.Equal(t, stuck, s.pods()[0].Name)
}

func TestNamespaceGoes(t *testing.T) {
	s := newScript(t, nil)
	s.Fake.PrependReactor("create", "pods", func(core.Action) (bool, runtime.Object, error) {
		err := apierrors.NewForbidden(corev1.Resource("pods"), "j", nil)
		err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
		return true, nil, err
	})
	require.Empty(t, s.sync())
	require.Empty(t, s.Events())
	require.Zero(t, s.job().Status.Active)
}
