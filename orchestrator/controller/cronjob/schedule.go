package cronjob

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a container image may have no time zones

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
)

// manyMissed is how many missed times are worth a warning: most likely a clock is wrong.
const manyMissed = 100

// parse reads a schedule. The parser panics at a time zone with nothing behind it.
func parse(spec string, zone *string) (cron.Schedule, error) {
	if zone != nil {
		spec = "TZ=" + *zone + " " + spec
	}
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") {
		if _, rest, _ := strings.Cut(spec, " "); strings.TrimSpace(rest) == "" {
			return nil, fmt.Errorf("nothing follows the time zone in %q", spec)
		}
	}
	return cron.ParseStandard(spec)
}

// due is what a schedule asks for now.
type due struct {
	latest  time.Time // the last time that has come and has no Job yet; zero if there is none
	tooMany bool      // a great many came before it
}

// dueOf finds the latest time since the last Job, or since the CronJob was made, and not before the starting deadline.
func dueOf(cj *batchv1.CronJob, s cron.Schedule, now time.Time) due {
	since := cj.CreationTimestamp.Time
	if last := cj.Status.LastScheduleTime; last != nil {
		since = last.Time
	}
	if d := deadline(cj); d != nil && now.Add(-*d).After(since) {
		since = now.Add(-*d)
	}
	if !since.Before(now) {
		return due{}
	}
	d := due{latest: latest(s, since, now)}
	missed := 0
	for at := s.Next(since); !at.IsZero() && !at.After(now) && missed <= manyMissed; at = s.Next(at) {
		missed++
	}
	d.tooMany = missed > manyMissed
	return d
}

// horizon is how far apart two times of a schedule may be: the cron library looks no further either.
const horizon = 5 * 366 * 24 * time.Hour

// latest is the last time of a schedule after since and not after now. It looks backwards, further each time: after a year there
// may be half a million times to go through from the other side.
func latest(s cron.Schedule, since, now time.Time) (last time.Time) {
	for window := time.Minute; ; window *= 2 {
		from := now.Add(-window)
		if from.Before(since) {
			from = since
		}
		for at := s.Next(from); !at.IsZero() && !at.After(now); at = s.Next(at) {
			last = at
		}
		if !last.IsZero() || !from.After(since) || window > horizon {
			return last
		}
	}
}

func deadline(cj *batchv1.CronJob) *time.Duration {
	if cj.Spec.StartingDeadlineSeconds == nil {
		return nil
	}
	d := time.Duration(*cj.Spec.StartingDeadlineSeconds) * time.Second
	return &d
}
