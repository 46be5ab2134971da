package tables

import "testing"

func TestWorkloads(t *testing.T) {
	const pods = `
  selector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: Exists}]}
  template: {spec: {containers: [{name: a, image: "a:1"}, {name: b, image: "b:2"}]}}
`
	const shown = " | a,b | a:1,b:2 | app=web,tier"
	runCases(t, []tableCase{{"deployment", `
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, creationTimestamp: "2026-01-02T11:55:00Z"}
status: {readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2}
spec:
  replicas: 3` + pods, "d | 2/3 | 1 | 2 | 5m" + shown}, {"replica set", `
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: r, creationTimestamp: "2026-01-02T11:55:00Z"}
status: {replicas: 2, readyReplicas: 1}
spec:
  replicas: 3` + pods, "r | 3 | 2 | 1 | 5m" + shown}, {"stateful set", `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: s, creationTimestamp: "2026-01-02T11:55:00Z"}
status: {replicas: 2, readyReplicas: 1}
spec:
  replicas: 2` + pods, "s | 1/2 | 5m | a,b | a:1,b:2"}, {"daemon set", `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: d, creationTimestamp: "2026-01-02T11:55:00Z"}
status: {desiredNumberScheduled: 5, currentNumberScheduled: 4, numberReady: 3, updatedNumberScheduled: 2, numberAvailable: 1}
spec:` + pods, "d | 5 | 4 | 3 | 2 | 1 | <none> | 5m" + shown}, {"replication controller", `
apiVersion: v1
kind: ReplicationController
metadata: {name: c, creationTimestamp: "2026-01-02T11:55:00Z"}
spec: {replicas: 0, selector: {app: web}, template: {spec: {containers: [{name: a, image: "a:1"}]}}}
status: {replicas: 2, readyReplicas: 1}
`, "c | 0 | 2 | 1 | 5m | a | a:1 | app=web"}, {"controller revision", `
apiVersion: apps/v1
kind: ControllerRevision
metadata:
  name: r
  ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: agent, controller: true, uid: u}]
revision: 4
`, "r | daemonset.apps/agent | 4 | <unknown>"}, {"revision of nobody", `
apiVersion: apps/v1
kind: ControllerRevision
metadata: {name: r}
revision: 1
`, "r | <none> | 1 | <unknown>"}})
}

func TestJobs(t *testing.T) {
	runCases(t, []tableCase{{"running", `
apiVersion: batch/v1
kind: Job
metadata: {name: j, creationTimestamp: "2026-01-02T11:55:00Z"}
spec:
  completions: 3
  selector: {matchLabels: {job: j}}
  template: {spec: {containers: [{name: a, image: "a:1"}]}}
status: {succeeded: 1, startTime: "2026-01-02T11:56:00Z"}
`, "j | Running | 1/3 | 4m | 5m | a | a:1 | job=j"}, {"complete", `
apiVersion: batch/v1
kind: Job
metadata: {name: j, deletionTimestamp: "2026-01-02T11:55:00Z"}
spec: {completions: 1}
status:
  succeeded: 1
  startTime: "2026-01-02T11:00:00Z"
  completionTime: "2026-01-02T11:00:07Z"
  conditions: [{type: SuccessCriteriaMet, status: "True"}, {type: Complete, status: "True"}]
`, "j | Complete | 1/1 | 7s | <unknown> |  |  | <none>"}, {"failed", `
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec: {parallelism: 2}
status: {conditions: [{type: FailureTarget, status: "True"}, {type: Failed, status: "True"}]}
`, "j | Failed | 0/1 of 2 |  | <unknown> |  |  | <none>"}, {"suspended", `
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec: {parallelism: 1}
status: {conditions: [{type: Suspended, status: "True"}]}
`, "j | Suspended | 0/1 |  | <unknown> |  |  | <none>"}, {"resumed", `
apiVersion: batch/v1
kind: Job
metadata: {name: j}
status: {conditions: [{type: Suspended, status: "False"}]}
`, "j | Running | 0/1 |  | <unknown> |  |  | <none>"}, {"failing", `
apiVersion: batch/v1
kind: Job
metadata: {name: j}
status: {conditions: [{type: FailureTarget, status: "True"}]}
`, "j | FailureTarget | 0/1 |  | <unknown> |  |  | <none>"}, {"completing", `
apiVersion: batch/v1
kind: Job
metadata: {name: j}
status: {conditions: [{type: SuccessCriteriaMet, status: "True"}]}
`, "j | SuccessCriteriaMet | 0/1 |  | <unknown> |  |  | <none>"}, {"being deleted", `
apiVersion: batch/v1
kind: Job
metadata: {name: j, deletionTimestamp: "2026-01-02T11:55:00Z"}
`, "j | Terminating | 0/1 |  | <unknown> |  |  | <none>"}, {"cron job", `
apiVersion: batch/v1
kind: CronJob
metadata: {name: c, creationTimestamp: "2026-01-02T11:55:00Z"}
spec:
  schedule: "*/5 * * * *"
  timeZone: Europe/Zurich
  suspend: true
  jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: "a:1"}]}}}}
status: {active: [{name: c-1}], lastScheduleTime: "2026-01-02T11:59:00Z"}
`, "c | */5 * * * * | Europe/Zurich | True | 1 | 60s | 5m | a | a:1 | <none>"}, {"cron job that hasn't run", `
apiVersion: batch/v1
kind: CronJob
metadata: {name: c}
spec: {schedule: "@daily", suspend: false}
`, "c | @daily | <none> | False | 0 | <none> | <unknown> |  |  | <none>"}, {"cron job that leaves it open", `
apiVersion: batch/v1
kind: CronJob
metadata: {name: c}
spec: {schedule: "@daily"}
`, "c | @daily | <none> | <unset> | 0 | <none> | <unknown> |  |  | <none>"}})
}
