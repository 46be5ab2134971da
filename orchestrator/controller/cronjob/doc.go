// Package cronjob makes a Job each time that a CronJob's schedule says so.
//
// A Job's name holds the minute it is for, so that one time never gets two, whoever makes them. What was missed, because nobody
// ran this or the CronJob was suspended, is made up for once, for the latest time, unless startingDeadlineSeconds says that it is
// too late for it. Read Controller.sync, then schedule.
//
// Schedules are those of the standard cron syntax, with words like @daily, as read by github.com/robfig/cron/v3.
//
// Invariants
//   - Only Jobs that the CronJob controls are deleted: those it replaces, and those beyond the history limits.
package cronjob
