package job

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

const key = "ns/j"

// script is a Job, its pods, and the controller that is driven by hand.
type script struct {
	*controllertest.Cluster
	t     *testing.T
	c     *Controller
	shown map[types.UID]*corev1.Pod
}

func newJob(change func(*batchv1.JobSpec)) *batchv1.Job {
	j := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "j", UID: "job-1"},
		Spec: batchv1.JobSpec{Completions: ptr.To[int32](1), Parallelism: ptr.To[int32](1), Template: corev1.PodTemplateSpec{
			Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "c"}}}}},
	}
	if change != nil {
		change(&j.Spec)
	}
	return j
}

func newScript(t *testing.T, change func(*batchv1.JobSpec)) *script {
	s := &script{Cluster: controllertest.New(t, newJob(change)), t: t, shown: map[types.UID]*corev1.Pod{}}
	s.c = newController(s.Env)
	return s
}

// sync shows the controller what there is and lets it work once. It returns when it wants to be called again.
func (s *script) sync() string {
	s.t.Helper()
	s.showPods()
	return s.late()
}

// showPods does what the pod informer does: it brings the cache up to date and calls the handlers.
func (s *script) showPods() {
	s.t.Helper()
	s.Refresh()
	before := s.shown
	s.shown = map[types.UID]*corev1.Pod{}
	for _, p := range s.pods() {
		s.shown[p.UID] = &p
		if before[p.UID] == nil {
			s.c.podAdded(&p)
		} else {
			s.c.podChanged(&p)
		}
	}
	for uid, p := range before {
		if s.shown[uid] == nil {
			s.c.podGone(p)
		}
	}
}

// late is a sync while the pods are as they were shown last.
func (s *script) late() string {
	s.t.Helper()
	jobs, err := s.Fake.BatchV1().Jobs("ns").List(s.t.Context(), metav1.ListOptions{})
	require.NoError(s.t, err)
	var items []any
	for i := range jobs.Items {
		items = append(items, &jobs.Items[i])
	}
	require.NoError(s.t, s.Informers.Batch().V1().Jobs().Informer().GetIndexer().Replace(items, ""))
	s.Fake.ClearActions()
	if err := s.c.sync(s.t.Context(), key); err != nil {
		require.ErrorContains(s.t, err, "again in ")
		return err.Error()
	}
	return ""
}

func (s *script) pods() []corev1.Pod {
	list, err := s.Fake.CoreV1().Pods("ns").List(s.t.Context(), metav1.ListOptions{})
	require.NoError(s.t, err)
	return list.Items
}

// active are the pods that run.
func (s *script) active() (active []corev1.Pod) {
	for _, p := range s.pods() {
		if p.Status.Phase == "" {
			active = append(active, p)
		}
	}
	return active
}

func (s *script) job() *batchv1.Job {
	j, err := s.Fake.BatchV1().Jobs("ns").Get(s.t.Context(), "j", metav1.GetOptions{})
	require.NoError(s.t, err)
	return j
}

func (s *script) update(p *corev1.Pod) {
	require.NoError(s.t, s.Fake.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), p, "ns"))
}

// end makes a pod end now, with an exit code.
func (s *script) end(p corev1.Pod, code int32) {
	p.Status.Phase = corev1.PodSucceeded
	if code != 0 {
		p.Status.Phase = corev1.PodFailed
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: code, FinishedAt: metav1.NewTime(s.Clock.Now())}}}}
	s.update(&p)
}

// reasons are the conditions that hold.
func (s *script) reasons() (reasons []string) {
	for _, c := range s.job().Status.Conditions {
		if c.Status == corev1.ConditionTrue {
			reasons = append(reasons, fmt.Sprintf("%s %s", c.Type, c.Reason))
		}
	}
	return reasons
}

func (s *script) held() (n int) {
	for _, p := range s.pods() {
		if hasFinalizer(&p) {
			n++
		}
	}
	return n
}

func TestRunsToCompletion(t *testing.T) {
	s := newScript(t, func(j *batchv1.JobSpec) { j.Completions, j.Parallelism = ptr.To[int32](3), ptr.To[int32](2) })
	require.Empty(t, s.sync())
	require.Len(t, s.active(), 2)
	require.EqualValues(t, 2, s.job().Status.Active)
	require.Equal(t, controllertest.Epoch, s.job().Status.StartTime.UTC())
	p := s.pods()[0]
	require.Equal(t, map[string]string{"batch.kubernetes.io/controller-uid": "job-1", "controller-uid": "job-1",
		"batch.kubernetes.io/job-name": "j", "job-name": "j"}, p.Labels)
	require.Equal(t, []string{"batch.kubernetes.io/job-tracking"}, p.Finalizers)
	require.True(t, strings.HasPrefix(p.Name, "j-"))
	require.Empty(t, s.sync())
	require.Empty(t, s.Writes(), "nothing to do")

	s.end(p, 0)
	s.sync()
	require.EqualValues(t, 1, s.job().Status.Succeeded)
	require.Empty(t, s.job().Status.UncountedTerminatedPods.Succeeded)
	require.Len(t, s.active(), 2, "a third pod")
	require.Equal(t, 2, s.held())

	for _, p := range s.active() {
		s.end(p, 0)
	}
	s.sync()
	require.EqualValues(t, 3, s.job().Status.Succeeded)
	require.Equal(t, []string{"SuccessCriteriaMet CompletionsReached", "Complete CompletionsReached"}, s.reasons())
	require.NotNil(t, s.job().Status.CompletionTime)
	require.Zero(t, s.held())
	require.Contains(t, s.Events(), "Normal Completed Job completed")
	s.sync()
	require.Empty(t, s.Writes())
	require.Len(t, s.pods(), 3)
}

// Wherever a sync was cut off, the next one counts each pod once.
func TestCountsOnce(t *testing.T) {
	for name, cut := range map[string]func(*script, corev1.Pod){
		"the UID was written": func(s *script, p corev1.Pod) { s.end(p, 0) },
		"the finalizer was taken off": func(s *script, p corev1.Pod) {
			p.Finalizers = nil
			s.end(p, 0)
		},
		"the pod is gone": func(s *script, p corev1.Pod) {
			require.NoError(s.t, s.Fake.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), "ns", p.Name))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, func(j *batchv1.JobSpec) { j.Completions = ptr.To[int32](2) })
			s.sync()
			s.sync() // now the pod was seen
			p := s.pods()[0]
			j := s.job()
			j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{Succeeded: append(j.Status.UncountedTerminatedPods.Succeeded, p.UID)}
			require.NoError(t, s.Fake.Tracker().Update(batchv1.SchemeGroupVersion.WithResource("jobs"), j, "ns"))
			cut(s, p)
			for range 3 {
				s.sync()
				require.EqualValues(t, 1, s.job().Status.Succeeded)
				require.Empty(t, s.job().Status.UncountedTerminatedPods.Succeeded)
			}
			require.Len(t, s.active(), 1)
		})
	}
}

func TestBackoffAndLimit(t *testing.T) {
	s := newScript(t, func(j *batchv1.JobSpec) { j.BackoffLimit = ptr.To[int32](2) })
	s.sync()
	for i, wait := range []string{"again in 10s", "again in 20s"} {
		require.Len(t, s.active(), 1)
		s.end(s.active()[0], 1)
		require.Equal(t, wait, s.sync())
		require.EqualValues(t, i+1, s.job().Status.Failed)
		require.Empty(t, s.active())
		s.Clock.Step(30 * time.Second)
		s.sync()
	}
	s.end(s.active()[0], 1)
	require.Empty(t, s.sync())
	require.Equal(t, []string{"FailureTarget BackoffLimitExceeded", "Failed BackoffLimitExceeded"}, s.reasons())
	require.EqualValues(t, 3, s.job().Status.Failed)
	require.Nil(t, s.job().Status.CompletionTime)
	require.Contains(t, s.Events(), "Warning BackoffLimitExceeded Job has reached the specified backoff limit")
}

func TestBackoffLength(t *testing.T) {
	at := func(phase corev1.PodPhase, seconds int) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(controllertest.Epoch.Add(time.Duration(seconds) * time.Second))},
			Status: corev1.PodStatus{Phase: phase}}
	}
	require.Zero(t, backoff(nil, controllertest.Epoch))
	require.Zero(t, backoff([]*corev1.Pod{at(corev1.PodFailed, 1), at(corev1.PodSucceeded, 2)}, controllertest.Epoch), "a success ends it")
	require.Equal(t, 13*time.Second, backoff([]*corev1.Pod{at(corev1.PodSucceeded, 2), at(corev1.PodFailed, 3)}, controllertest.Epoch))
	many := slices.Repeat([]*corev1.Pod{at(corev1.PodFailed, 0)}, 100)
	require.Equal(t, 6*time.Minute, backoff(many, controllertest.Epoch))
}

func TestDeadline(t *testing.T) {
	s := newScript(t, func(j *batchv1.JobSpec) { j.ActiveDeadlineSeconds = ptr.To[int64](60) })
	require.Equal(t, "again in 1m0s", s.sync())
	s.Clock.Step(time.Minute)
	s.sync()
	require.Contains(t, s.reasons(), "FailureTarget DeadlineExceeded")
	require.Empty(t, s.pods())
	s.sync()
	require.Equal(t, []string{"FailureTarget DeadlineExceeded", "Failed DeadlineExceeded"}, s.reasons())
}

func TestEndWaitsForPods(t *testing.T) {
	s := newScript(t, func(j *batchv1.JobSpec) { j.ActiveDeadlineSeconds = ptr.To[int64](60) })
	s.sync()
	p := s.pods()[0]
	p.DeletionTimestamp = ptr.To(metav1.NewTime(controllertest.Epoch))
	s.update(&p)
	s.Clock.Step(time.Minute)
	s.sync()
	s.sync()
	require.Equal(t, []string{"FailureTarget DeadlineExceeded"}, s.reasons())
	require.EqualValues(t, 1, *s.job().Status.Terminating)
	require.EqualValues(t, 1, s.job().Status.Failed)
	require.NoError(t, s.Fake.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), "ns", p.Name))
	s.sync()
	require.Contains(t, s.reasons(), "Failed DeadlineExceeded")
}

func TestSuspend(t *testing.T) {
	s := newScript(t, nil)
	s.sync()
	set := func(suspend bool) {
		j := s.job()
		j.Spec.Suspend = &suspend
		require.NoError(t, s.Fake.Tracker().Update(batchv1.SchemeGroupVersion.WithResource("jobs"), j, "ns"))
		s.sync()
		s.sync()
	}
	set(true)
	require.Empty(t, s.pods())
	require.Equal(t, []string{"Suspended JobSuspended"}, s.reasons())
	require.Nil(t, s.job().Status.StartTime)
	require.Zero(t, s.job().Status.Failed, "to be suspended is no failure")
	s.Clock.Step(time.Hour)
	set(false)
	require.Len(t, s.pods(), 1)
	require.Empty(t, s.reasons())
	require.Equal(t, s.Clock.Now(), s.job().Status.StartTime.UTC())
}

func TestIndexed(t *testing.T) {
	s := newScript(t, func(j *batchv1.JobSpec) {
		j.Completions, j.Parallelism, j.CompletionMode = ptr.To[int32](4), ptr.To[int32](3), ptr.To(batchv1.IndexedCompletion)
	})
	s.sync()
	byIndex := func() map[int]corev1.Pod {
		m := map[int]corev1.Pod{}
		for _, p := range s.active() {
			m[indexOf(&p)] = p
		}
		return m
	}
	require.Len(t, s.active(), 3)
	p, ok := byIndex()[2]
	require.True(t, ok)
	require.Equal(t, "j-2", p.Spec.Hostname)
	require.True(t, strings.HasPrefix(p.Name, "j-2-"))
	require.Equal(t, "2", p.Labels["batch.kubernetes.io/job-completion-index"])
	env := p.Spec.Containers[0].Env[0]
	require.Equal(t, "JOB_COMPLETION_INDEX", env.Name)
	require.Equal(t, "metadata.labels['batch.kubernetes.io/job-completion-index']", env.ValueFrom.FieldRef.FieldPath)

	s.end(byIndex()[0], 0)
	s.end(byIndex()[2], 0)
	s.end(byIndex()[1], 1)
	s.sync()
	require.Equal(t, "0,2", s.job().Status.CompletedIndexes)
	require.EqualValues(t, 2, s.job().Status.Succeeded)
	s.Clock.Step(time.Minute)
	s.sync()
	require.Len(t, byIndex(), 2)
	require.Contains(t, byIndex(), 1, "what failed is tried again")
	require.Contains(t, byIndex(), 3)
	for _, p := range s.active() {
		s.end(p, 0)
	}
	s.sync()
	require.Equal(t, "0-3", s.job().Status.CompletedIndexes)
	require.Contains(t, s.reasons(), "Complete CompletionsReached")
}

func TestFailurePolicy(t *testing.T) {
	s := newScript(t, func(j *batchv1.JobSpec) {
		j.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{
			{Action: batchv1.PodFailurePolicyActionIgnore, OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: corev1.DisruptionTarget}}},
			{Action: batchv1.PodFailurePolicyActionFailJob, OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{
				Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{42}}},
		}}
	})
	s.sync()
	p := s.active()[0]
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}}
	s.end(p, 137)
	s.sync()
	require.Zero(t, s.job().Status.Failed)
	require.Zero(t, s.held())
	s.Clock.Step(time.Minute)
	s.sync()
	p = s.active()[0]
	s.end(p, 42)
	s.sync()
	require.Equal(t, []string{"FailureTarget PodFailurePolicy", "Failed PodFailurePolicy"}, s.reasons())
	require.Equal(t, fmt.Sprintf("Container c for pod ns/%s failed with exit code 42 matching FailJob rule at index 1", p.Name),
		s.job().Status.Conditions[0].Message)
}

func TestRestartsInPlace(t *testing.T) {
	s := newScript(t, func(j *batchv1.JobSpec) {
		j.Template.Spec.RestartPolicy, j.BackoffLimit = corev1.RestartPolicyOnFailure, ptr.To[int32](3)
	})
	s.sync()
	p := s.pods()[0]
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 3}}
	s.update(&p)
	s.sync()
	require.Contains(t, s.reasons(), "FailureTarget BackoffLimitExceeded")
}

func TestRefusals(t *testing.T) {
	for name, change := range map[string]func(*batchv1.JobSpec){
		"spec.backoffLimitPerIndex": func(j *batchv1.JobSpec) { j.BackoffLimitPerIndex = ptr.To[int32](1) },
		"spec.successPolicy":        func(j *batchv1.JobSpec) { j.SuccessPolicy = &batchv1.SuccessPolicy{} },
	} {
		s := newScript(t, change)
		s.sync()
		require.Equal(t, []string{"FailureTarget NotSupported", "Failed NotSupported"}, s.reasons())
		require.Equal(t, name+" is not supported", s.job().Status.Conditions[0].Message)
		require.Empty(t, s.pods())
	}
}

// Pods of a Job that is gone, or whose name another has, must be able to go.
func TestReleasesOrphans(t *testing.T) {
	s := newScript(t, nil)
	s.sync()
	jobs := batchv1.SchemeGroupVersion.WithResource("jobs")
	require.NoError(t, s.Fake.Tracker().Delete(jobs, "ns", "j"))
	other := newJob(nil)
	other.UID = "job-2"
	require.NoError(t, s.Fake.Tracker().Create(jobs, other, "ns"))
	s.sync()
	require.Len(t, s.pods(), 2)
	require.Equal(t, 1, s.held())
	require.NoError(t, s.Fake.Tracker().Delete(jobs, "ns", "j"))
	s.sync()
	require.Zero(t, s.held())
}

// A cache that is behind our own writing decides nothing.
func TestWaitsForItsOwnWrites(t *testing.T) {
	s := newScript(t, nil)
	j := s.job()
	j.ResourceVersion = "7"
	require.NoError(t, s.Fake.Tracker().Update(batchv1.SchemeGroupVersion.WithResource("jobs"), j, "ns"))
	s.c.written.set(key, "8")
	s.sync()
	require.Empty(t, s.Writes())
	s.c.written.set(key, "7")
	s.sync()
	require.Len(t, s.pods(), 1)
}

func TestHandlers(t *testing.T) {
	s := newScript(t, nil)
	s.Start(s.c.loop)
	s.Eventually(func() bool { return len(s.active()) == 1 }, "a pod")
	s.end(s.active()[0], 0)
	s.Eventually(func() bool { return len(s.reasons()) == 2 }, "complete")
}

func TestIntervals(t *testing.T) {
	for in, out := range map[string]string{"": "", "1": "1", "1,2,3,5": "1-3,5", "3-4,1": "1,3-4", "x,2-": "", "8-12": "8-9", "0-1,1-2": "0-2"} {
		require.Equal(t, out, parseIntervals(in, 10).String(), in)
	}
	require.Equal(t, "1-3", parseIntervals("1,3", 10).with(2).with(3).String())
}

// A pod that is too many loses the finalizer before it is deleted, so that its end is not taken for a failure.
func TestTooMany(t *testing.T) {
	s := newScript(t, func(j *batchv1.JobSpec) { j.Completions, j.Parallelism = ptr.To[int32](2), ptr.To[int32](2) })
	s.sync()
	j := s.job()
	j.Spec.Parallelism = ptr.To[int32](1)
	require.NoError(t, s.Fake.Tracker().Update(batchv1.SchemeGroupVersion.WithResource("jobs"), j, "ns"))
	s.sync()
	require.Len(t, s.pods(), 1)
	left := s.pods()[0].Name
	writes := s.Writes()
	require.Len(t, writes, 3)
	require.True(t, strings.HasPrefix(writes[0], "patch pods ns/") && !strings.HasSuffix(writes[0], left), writes)
	require.Equal(t, strings.Replace(writes[0], "patch", "delete", 1), writes[1])
	require.Equal(t, "update jobs/status j", strings.Replace(writes[2], "ns/", "", 1))
}

// Whether a pod that is being deleted counts and is replaced at once, or only when it has ended, is for the Job to say.
func TestReplacement(t *testing.T) {
	for policy, want := range map[batchv1.PodReplacementPolicy]int{batchv1.TerminatingOrFailed: 1, batchv1.Failed: 0} {
		s := newScript(t, func(j *batchv1.JobSpec) { j.PodReplacementPolicy = &policy })
		s.sync()
		p := s.pods()[0]
		p.DeletionTimestamp = ptr.To(metav1.NewTime(controllertest.Epoch.Add(-time.Hour)))
		s.update(&p)
		s.sync()
		require.EqualValues(t, want, s.job().Status.Failed, policy)
		require.Len(t, s.pods(), 1+want, policy)
	}
}
