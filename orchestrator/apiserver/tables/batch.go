package tables

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/ptr"
)

// batch are the workloads that end.
func batch() []printer { return []printer{jobs(), cronJobs()} }

// jobs show how far they are, and how long it took.
func jobs() printer {
	return printerOf(columns{
		nameColumn(),
		col("Status", text, "Status of the job."),
		col("Completions", text, batchv1.JobStatus{}.SwaggerDoc()["succeeded"]),
		col("Duration", text, "Time required to complete the job."),
		ageColumn(),
		containersColumn(), imagesColumn(), wide("Selector", batchv1.JobSpec{}.SwaggerDoc()["selector"]),
	}, func(j *batchv1.Job, at now) []any {
		names, images := containerCells(j.Spec.Template.Spec.Containers)
		return []any{
			j.Name, jobStatus(j), completions(j), jobDuration(j, at), at.age(j),
			names, images, metav1.FormatLabelSelector(j.Spec.Selector),
		}
	})
}

// jobStatus is the last thing that happened to a job: what ended it comes before what is about to.
func jobStatus(j *batchv1.Job) string {
	is := map[batchv1.JobConditionType]bool{}
	for _, c := range j.Status.Conditions {
		is[c.Type] = c.Status == v1.ConditionTrue
	}
	switch {
	case is[batchv1.JobComplete]:
		return "Complete"
	case is[batchv1.JobFailed]:
		return "Failed"
	case j.DeletionTimestamp != nil:
		return "Terminating"
	case is[batchv1.JobSuspended]:
		return "Suspended"
	case is[batchv1.JobFailureTarget]:
		return "FailureTarget"
	case is[batchv1.JobSuccessCriteriaMet]:
		return "SuccessCriteriaMet"
	default:
		return "Running"
	}
}

// completions of a job that doesn't say how many it needs: the first of its pods that succeeds completes it.
func completions(j *batchv1.Job) string {
	done := j.Status.Succeeded
	if j.Spec.Completions != nil {
		return ratio(done, *j.Spec.Completions)
	}
	if n := ptr.Deref(j.Spec.Parallelism, 0); n > 1 {
		return fmt.Sprintf("%d/1 of %d", done, n)
	}
	return ratio(done, 1)
}

// jobDuration is how long a job took, or has taken so far.
func jobDuration(j *batchv1.Job, at now) string {
	start, end := j.Status.StartTime, j.Status.CompletionTime
	switch {
	case start == nil:
		return ""
	case end == nil:
		return at.since(*start)
	default:
		return duration.HumanDuration(end.Sub(start.Time))
	}
}

// cronJobs show when the last job was made, and how many there are now.
func cronJobs() printer {
	spec, status := batchv1.CronJobSpec{}.SwaggerDoc(), batchv1.CronJobStatus{}.SwaggerDoc()
	return printerOf(columns{
		nameColumn(),
		col("Schedule", text, spec["schedule"]),
		col("Timezone", text, spec["timeZone"]),
		col("Suspend", truth, spec["suspend"]),
		col("Active", number, status["active"]),
		col("Last Schedule", text, status["lastScheduleTime"]),
		ageColumn(),
		containersColumn(), imagesColumn(), wide("Selector", batchv1.JobSpec{}.SwaggerDoc()["selector"]),
	}, func(c *batchv1.CronJob, at now) []any {
		last := none
		if c.Status.LastScheduleTime != nil {
			last = at.since(*c.Status.LastScheduleTime)
		}
		job := &c.Spec.JobTemplate.Spec
		names, images := containerCells(job.Template.Spec.Containers)
		return []any{
			c.Name, c.Spec.Schedule, ptr.Deref(c.Spec.TimeZone, none), boolean(c.Spec.Suspend),
			int64(len(c.Status.Active)), last, at.age(c),
			names, images, metav1.FormatLabelSelector(job.Selector),
		}
	})
}
