package validation

import (
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxCronJobName leaves room for the eleven characters that a job's name has more.
const maxCronJobName = 52

// newCronJob asks for a name to which a job's ending can be added.
func newCronJob(c *batchv1.CronJob) errs {
	return when(len(c.Name) > maxCronJobName, field.Invalid(metaPath.Child("name"), c.Name, "must be no more than 52 characters"))
}

// validCronJob checks when jobs are made, how many are kept, and the jobs themselves, which are as yet without selectors.
func validCronJob(c *batchv1.CronJob) errs {
	s := &c.Spec
	job := specPath.Child("jobTemplate", "spec")
	return slices.Concat(
		schedule(specPath.Child("schedule"), s.Schedule, s.TimeZone != nil),
		notNegativePtr(specPath.Child("startingDeadlineSeconds"), s.StartingDeadlineSeconds),
		timeZone(specPath.Child("timeZone"), s.TimeZone),
		oneOf(specPath.Child("concurrencyPolicy"), s.ConcurrencyPolicy,
			batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent),
		templateMeta(specPath.Child("jobTemplate", "metadata"), &s.JobTemplate.ObjectMeta),
		jobSpec(job, &s.JobTemplate.Spec),
		when(s.JobTemplate.Spec.Selector != nil,
			field.Invalid(job.Child("selector"), s.JobTemplate.Spec.Selector, "`selector` will be auto-generated")),
		when(s.JobTemplate.Spec.ManualSelector != nil && *s.JobTemplate.Spec.ManualSelector,
			field.NotSupported(job.Child("manualSelector"), s.JobTemplate.Spec.ManualSelector, []string{"nil", "false"})),
		notNegativePtr(specPath.Child("successfulJobsHistoryLimit"), s.SuccessfulJobsHistoryLimit),
		notNegativePtr(specPath.Child("failedJobsHistoryLimit"), s.FailedJobsHistoryLimit),
	)
}

// schedule asks for what cron can read. The parser panics on a time zone without anything after it, and zones have a field of
// their own, so they are refused before.
func schedule(at path, s string, zoned bool) errs {
	if s == "" {
		return need(at, s)
	}
	if strings.Contains(s, "TZ") {
		if zoned {
			return errs{field.Invalid(at, s, "cannot use both timeZone field and TZ or CRON_TZ in schedule")}
		}
		return errs{field.Invalid(at, s, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")}
	}
	if _, err := cron.ParseStandard(s); err != nil {
		return errs{field.Invalid(at, s, err.Error())}
	}
	return nil
}

// timeZone asks for the name of one that isn't this machine's.
func timeZone(at path, zone *string) errs {
	if zone == nil {
		return nil
	}
	if *zone == "" {
		return errs{field.Invalid(at, zone, "must be nil or non-empty string")}
	}
	if strings.EqualFold(*zone, "Local") {
		return errs{field.Invalid(at, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones")}
	}
	if _, err := time.LoadLocation(*zone); err != nil {
		return errs{field.Invalid(at, zone, err.Error())}
	}
	return nil
}
