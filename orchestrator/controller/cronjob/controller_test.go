package cronjob

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	core "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

// script is a CronJob of every full hour that was made at controllertest.Epoch, 03:04:05, driven by hand.
type script struct {
	*controllertest.Cluster
	t *testing.T
	c *Controller
}

var (
	jobs = batchv1.SchemeGroupVersion.WithResource("jobs")
)

func newScript(t *testing.T, change func(*batchv1.CronJob)) *script {
	cj := &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c", UID: "cron-1", CreationTimestamp: metav1.NewTime(controllertest.Epoch)},
		Spec: batchv1.CronJobSpec{Schedule: "0 * * * *", JobTemplate: batchv1.JobTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Spec: batchv1.JobSpec{Parallelism: ptr.To[int32](2)}}},
	}
	if change != nil {
		change(cj)
	}
	s := &script{Cluster: controllertest.New(t, cj), t: t}
	s.c = newController(s.Env)
	return s
}

// sync shows the controller what there is and lets it work once. It returns when it wants to be called again.
func (s *script) sync() string {
	s.t.Helper()
	var all []any
	for _, j := range s.jobs() {
		all = append(all, &j)
	}
	batch := s.Informers.Batch().V1()
	require.NoError(s.t, batch.Jobs().Informer().GetIndexer().Replace(all, ""))
	require.NoError(s.t, batch.CronJobs().Informer().GetIndexer().Replace([]any{s.cronJob()}, ""))
	s.Fake.ClearActions()
	if err := s.c.sync(s.t.Context(), "ns/c"); err != nil {
		require.ErrorContains(s.t, err, "again in ")
		return err.Error()
	}
	return ""
}

func (s *script) jobs() []batchv1.Job {
	list, err := s.Fake.BatchV1().Jobs("ns").List(s.t.Context(), metav1.ListOptions{})
	require.NoError(s.t, err)
	return list.Items
}

func (s *script) cronJob() *batchv1.CronJob {
	cj, err := s.Fake.BatchV1().CronJobs("ns").Get(s.t.Context(), "c", metav1.GetOptions{})
	require.NoError(s.t, err)
	return cj
}

func (s *script) end(j batchv1.Job, how batchv1.JobConditionType) {
	j.Status.Conditions = []batchv1.JobCondition{{Type: how, Status: corev1.ConditionTrue}}
	j.Status.CompletionTime = ptr.To(metav1.NewTime(s.Clock.Now()))
	require.NoError(s.t, s.Fake.Tracker().Update(jobs, &j, "ns"))
}

// nameAt is the name of the Job for so many minutes after 03:00.
func nameAt(minutes int64) string {
	return fmt.Sprintf("c-%d", time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC).Unix()/60+minutes)
}

func TestLife(t *testing.T) {
	s := newScript(t, nil)
	require.Equal(t, "again in 55m55.1s", s.sync())
	require.Empty(t, s.jobs())

	s.Clock.Step(56 * time.Minute)
	require.Equal(t, "again in 59m55.1s", s.sync())
	require.Len(t, s.jobs(), 1)
	j := s.jobs()[0]
	require.Equal(t, nameAt(60), j.Name)
	require.Equal(t, map[string]string{"a": "b"}, j.Labels)
	require.Equal(t, "2026-01-02T04:00:00Z", j.Annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"])
	require.EqualValues(t, 2, *j.Spec.Parallelism)
	require.True(t, metav1.IsControlledBy(&j, s.cronJob()))
	require.Equal(t, j.UID, s.cronJob().Status.Active[0].UID)
	require.Equal(t, "04:00:00", s.cronJob().Status.LastScheduleTime.UTC().Format(time.TimeOnly))
	require.Equal(t, []string{"Normal SuccessfulCreate Created job " + j.Name}, s.Events())
	s.sync()
	require.Empty(t, s.Writes(), "one Job for one time")

	s.end(j, batchv1.JobComplete)
	s.sync()
	require.Empty(t, s.cronJob().Status.Active)
	require.NotNil(t, s.cronJob().Status.LastSuccessfulTime)
	require.Equal(t, []string{"Normal SawCompletedJob Saw completed job: " + j.Name + ", condition: Complete"}, s.Events())
}

func TestConcurrency(t *testing.T) {
	for policy, want := range map[batchv1.ConcurrencyPolicy][]string{
		batchv1.AllowConcurrent: {nameAt(60), nameAt(120)}, batchv1.ForbidConcurrent: {nameAt(60)}, batchv1.ReplaceConcurrent: {nameAt(120)},
	} {
		t.Run(string(policy), func(t *testing.T) {
			s := newScript(t, func(cj *batchv1.CronJob) { cj.Spec.ConcurrencyPolicy = policy })
			for range 2 {
				s.Clock.Step(time.Hour)
				s.sync()
			}
			var names []string
			for _, j := range s.jobs() {
				names = append(names, j.Name)
			}
			require.Equal(t, want, names)
			require.Len(t, s.cronJob().Status.Active, len(want))
			if policy == batchv1.ForbidConcurrent {
				require.Contains(t, s.Events(), "Normal JobAlreadyActive Not starting job because prior execution is running and concurrency policy is Forbid")
				s.end(s.jobs()[0], batchv1.JobComplete)
				s.sync()
				require.Len(t, s.jobs(), 2, "it is made up for")
			}
		})
	}
}

func TestHistory(t *testing.T) {
	s := newScript(t, func(cj *batchv1.CronJob) { cj.Spec.Suspend = ptr.To(true) })
	for i := range 6 {
		how := batchv1.JobComplete
		if i >= 4 {
			how = batchv1.JobFailed
		}
		j := jobFor(s.cronJob(), controllertest.Epoch.Add(time.Duration(i)*time.Hour))
		j.UID = types.UID(fmt.Sprint(i))
		j.Status.StartTime = ptr.To(metav1.NewTime(controllertest.Epoch.Add(time.Duration(i) * time.Hour)))
		require.NoError(t, s.Fake.Tracker().Create(jobs, j, "ns"))
		s.end(*j, how)
	}
	s.sync()
	var left []types.UID
	for _, j := range s.jobs() {
		left = append(left, j.UID)
	}
	require.Equal(t, []types.UID{"1", "2", "3", "5"}, left)
}

func TestNothingToStart(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*batchv1.CronJob)
		event  string
	}{
		"suspended":        {func(cj *batchv1.CronJob) { cj.Spec.Suspend = ptr.To(true) }, ""},
		"deleted":          {func(cj *batchv1.CronJob) { cj.DeletionTimestamp = ptr.To(metav1.NewTime(controllertest.Epoch)) }, ""},
		"no schedule":      {func(cj *batchv1.CronJob) { cj.Spec.Schedule = "now and then" }, "Warning UnparseableSchedule unparseable schedule: \"now and then\""},
		"only a time zone": {func(cj *batchv1.CronJob) { cj.Spec.Schedule = "TZ=0" }, "Warning UnparseableSchedule"},
		"no time zone":     {func(cj *batchv1.CronJob) { cj.Spec.TimeZone = ptr.To("Mars/Base") }, "Warning UnknownTimeZone invalid timeZone: \"Mars/Base\""},
		"too late":         {func(cj *batchv1.CronJob) { cj.Spec.StartingDeadlineSeconds = ptr.To[int64](60) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, tc.change)
			s.Clock.Step(time.Hour)
			s.sync()
			require.Empty(t, s.jobs())
			if tc.event != "" {
				require.Contains(t, s.Events()[0], tc.event)
			}
		})
	}
}

func TestMissedTimesAndOthersJobs(t *testing.T) {
	s := newScript(t, func(cj *batchv1.CronJob) {
		cj.Status.Active = []corev1.ObjectReference{{Namespace: "ns", Name: "lost", UID: "lost"}}
	})
	s.Clock.Step(101 * time.Hour)
	require.NoError(t, s.Fake.Tracker().Create(jobs, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c-own", OwnerReferences: []metav1.OwnerReference{
		*metav1.NewControllerRef(s.cronJob(), kind)}}}, "ns"))
	s.sync()
	require.Len(t, s.jobs(), 2, "one for all that was missed")
	require.Equal(t, nameAt(101*60), s.jobs()[0].Name)
	require.Equal(t, []string{
		"Warning UnexpectedJob Saw a job that the controller did not create or forgot: c-own",
		"Normal MissingJob Active job went missing: lost",
		"Warning TooManyMissedTimes too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
		"Normal SuccessfulCreate Created job " + nameAt(101*60),
	}, s.Events())
}

// A Job that was made by a sync which could not write the status is listed by the next.
func TestStatusIsMadeUpFor(t *testing.T) {
	s := newScript(t, nil)
	s.Clock.Step(time.Hour)
	broken := true
	s.Fake.PrependReactor("update", "cronjobs", func(core.Action) (bool, runtime.Object, error) {
		return broken, nil, errors.New("down")
	})
	require.NoError(t, s.Informers.Batch().V1().CronJobs().Informer().GetIndexer().Replace([]any{s.cronJob()}, ""))
	require.ErrorContains(t, s.c.sync(t.Context(), "ns/c"), "down")
	broken = false
	require.Len(t, s.jobs(), 1)
	require.Empty(t, s.cronJob().Status.Active)
	s.sync()
	require.Len(t, s.jobs(), 1)
	require.Equal(t, s.jobs()[0].UID, s.cronJob().Status.Active[0].UID)
	require.Equal(t, "04:00:00", s.cronJob().Status.LastScheduleTime.UTC().Format(time.TimeOnly))
}

// What fails is tried again later and later: the next time does not wait for that.
func TestFailureKeepsTheNextTime(t *testing.T) {
	s := newScript(t, func(cj *batchv1.CronJob) { cj.Spec.SuccessfulJobsHistoryLimit = ptr.To[int32](0) })
	s.Clock.SetTime(time.Date(2026, 1, 2, 3, 59, 59, 990_000_000, time.UTC))
	j := jobFor(s.cronJob(), controllertest.Epoch)
	require.NoError(t, s.Fake.Tracker().Create(jobs, j, "ns"))
	s.end(*j, batchv1.JobComplete)
	s.Fake.PrependReactor("delete", "jobs", func(core.Action) (bool, runtime.Object, error) { return true, nil, errors.New("down") })
	for informer, obj := range map[cache.SharedIndexInformer]any{
		s.Informers.Batch().V1().CronJobs().Informer(): s.cronJob(), s.Informers.Batch().V1().Jobs().Informer(): &s.jobs()[0],
	} {
		require.NoError(t, informer.GetIndexer().Add(obj))
	}
	require.ErrorContains(t, s.c.sync(t.Context(), "ns/c"), "down")
	s.Eventually(func() bool { return s.c.loop.Len() == 1 }, "queued for the next time")
}

func TestNameTaken(t *testing.T) {
	s := newScript(t, nil)
	s.Clock.Step(time.Hour)
	require.NoError(t, s.Fake.Tracker().Create(jobs, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: nameAt(60)}}, "ns"))
	require.NoError(t, s.Informers.Batch().V1().CronJobs().Informer().GetIndexer().Replace([]any{s.cronJob()}, ""))
	require.ErrorContains(t, s.c.sync(t.Context(), "ns/c"), "belongs to somebody else")
	require.Nil(t, s.cronJob().Status.LastScheduleTime)
}

func TestHandlers(t *testing.T) {
	s := newScript(t, nil)
	s.Clock.Step(time.Hour)
	s.Start(s.c.loop)
	s.Eventually(func() bool { return len(s.jobs()) == 1 && len(s.cronJob().Status.Active) == 1 }, "a Job")
	s.end(s.jobs()[0], batchv1.JobFailed)
	s.Eventually(func() bool { return len(s.cronJob().Status.Active) == 0 }, "seen to have ended")
}

func TestSchedule(t *testing.T) {
	at := func(s string) time.Time {
		d, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return d
	}
	for _, tc := range []struct{ schedule, zone, since, now, want string }{
		{"*/5 * * * *", "", "2026-01-01T00:00:00Z", "2026-01-01T00:04:59Z", ""},
		{"*/5 * * * *", "", "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z", "2026-01-01T00:05:00Z"},
		{"*/5 * * * *", "", "2020-01-01T00:00:00Z", "2026-01-01T00:07:00Z", "2026-01-01T00:05:00Z"},
		{"@monthly", "", "2020-01-01T00:00:00Z", "2026-03-28T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"0 0 29 2 *", "", "2021-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2024-02-29T00:00:00Z"},
		{"0 0 31 2 *", "", "0001-01-01T00:00:00Z", "2026-01-01T00:00:00Z", ""},
		{"0 9 * * *", "Asia/Tokyo", "2026-01-01T00:00:00Z", "2026-01-02T01:00:00Z", "2026-01-02T00:00:00Z"},
	} {
		var zone *string
		if tc.zone != "" {
			zone = &tc.zone
		}
		s, err := parse(tc.schedule, zone)
		require.NoError(t, err)
		got := ""
		if last := latest(s, at(tc.since), at(tc.now)); !last.IsZero() {
			got = last.UTC().Format(time.RFC3339)
		}
		require.Equal(t, tc.want, got, tc)
	}
}
