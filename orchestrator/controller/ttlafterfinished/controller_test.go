package ttlafterfinished

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func ended(ttl *int32, how batchv1.JobConditionType) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "j", UID: "1"}, Spec: batchv1.JobSpec{TTLSecondsAfterFinished: ttl},
		Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{
			{Type: how, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(controllertest.Epoch.Add(-time.Minute))}}},
	}
}

func TestSync(t *testing.T) {
	for name, tc := range map[string]struct {
		cached, live *batchv1.Job
		later        string
		deleted      bool
	}{
		"time is over":      {cached: ended(ptr.To[int32](60), batchv1.JobComplete), deleted: true},
		"failed":            {cached: ended(ptr.To[int32](0), batchv1.JobFailed), deleted: true},
		"not yet":           {cached: ended(ptr.To[int32](70), batchv1.JobComplete), later: "again in 10s"},
		"no limit":          {cached: ended(nil, batchv1.JobComplete)},
		"has not ended":     {cached: ended(ptr.To[int32](0), batchv1.JobSuspended)},
		"was given longer":  {cached: ended(ptr.To[int32](0), batchv1.JobFailed), live: ended(ptr.To[int32](90), batchv1.JobFailed), later: "again in 30s"},
		"is gone meanwhile": {cached: ended(ptr.To[int32](0), batchv1.JobFailed), live: &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "other"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.live == nil {
				tc.live = tc.cached
			}
			s := controllertest.New(t, tc.live)
			c := newController(s.Env)
			require.NoError(t, s.Informers.Batch().V1().Jobs().Informer().GetIndexer().Add(tc.cached))
			err := c.sync(t.Context(), "ns/j")
			if tc.later == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, tc.later)
			}
			if tc.deleted {
				require.Equal(t, []string{"delete jobs ns/j"}, s.Writes())
			} else {
				require.Empty(t, s.Writes())
			}
		})
	}
}

func TestHandlers(t *testing.T) {
	s := controllertest.New(t, ended(ptr.To[int32](0), batchv1.JobComplete))
	s.Start(newController(s.Env).loop)
	s.Eventually(func() bool {
		list, err := s.Fake.BatchV1().Jobs("ns").List(t.Context(), metav1.ListOptions{})
		return err == nil && len(list.Items) == 0
	}, "deleted")
}
