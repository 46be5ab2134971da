package tables

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPods(t *testing.T) {
	runCases(t, []tableCase{{"just made", `
apiVersion: v1
kind: Pod
metadata: {name: p, creationTimestamp: "2026-01-02T11:59:57Z"}
spec: {containers: [{name: a}, {name: b}]}
status: {phase: Pending}
`, "p | 0/2 | Pending | 0 | 3s | <none> | <none> | <none> | <none>"}, {"nominated", `
apiVersion: v1
kind: Pod
metadata: {name: p, creationTimestamp: "2026-01-02T11:58:00Z"}
spec: {containers: [{name: a}]}
status: {phase: Pending, nominatedNodeName: n2}
`, "p | 0/1 | Pending | 0 | 2m | <none> | <none> | n2 | <none>"}, {"gated", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a}], schedulingGates: [{name: g}]}
status:
  phase: Pending
  conditions: [{type: PodScheduled, status: "False", reason: SchedulingGated}]
`, "p | 0/1 | SchedulingGated | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"running, restarted", `
apiVersion: v1
kind: Pod
metadata: {name: p, creationTimestamp: "2026-01-01T12:00:00Z"}
spec:
  nodeName: n1
  containers: [{name: a}, {name: b}]
  readinessGates: [{conditionType: x}, {conditionType: "y"}]
status:
  phase: Running
  podIP: 10.0.0.7
  podIPs: [{ip: 10.0.0.7}, {ip: "fd00::7"}]
  conditions: [{type: x, status: "True"}, {type: "y", status: "False"}]
  containerStatuses:
  - {name: a, ready: true, restartCount: 2, state: {running: {}}, lastState: {terminated: {exitCode: 1, finishedAt: "2026-01-02T11:55:00Z"}}}
  - {name: b, ready: false, restartCount: 1, state: {running: {}}, lastState: {terminated: {exitCode: 1, finishedAt: "2026-01-02T11:00:00Z"}}}
`, "p | 1/2 | Running | 3 (5m ago) | 24h | 10.0.0.7 | n1 | <none> | 1/2"}, {"crashing", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a}]}
status:
  phase: Running
  containerStatuses:
  - {name: a, restartCount: 4, state: {waiting: {reason: CrashLoopBackOff}}}
`, "p | 0/1 | CrashLoopBackOff | 4 | <unknown> | <none> | <none> | <none> | <none>"}, {"the first container has the last word", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a}, {name: b}]}
status:
  phase: Pending
  containerStatuses:
  - {name: a, state: {waiting: {reason: ErrImagePull}}}
  - {name: b, state: {waiting: {reason: ContainerCreating}}}
`, "p | 0/2 | ErrImagePull | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"completed", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a}]}
status:
  phase: Succeeded
  containerStatuses:
  - {name: a, state: {terminated: {exitCode: 0, reason: Completed}}}
`, "p | 0/1 | Completed | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"half completed, ready", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a}, {name: b}]}
status:
  phase: Running
  conditions: [{type: Ready, status: "True"}]
  containerStatuses:
  - {name: a, state: {terminated: {exitCode: 0, reason: Completed}}}
  - {name: b, ready: true, state: {running: {}}}
`, "p | 1/2 | Running | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"half completed, not ready", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a}, {name: b}]}
status:
  phase: Running
  conditions: [{type: Ready, status: "False"}]
  containerStatuses:
  - {name: a, state: {terminated: {exitCode: 0, reason: Completed}}}
  - {name: b, ready: true, state: {running: {}}}
`, "p | 1/2 | NotReady | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"exit code", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a}]}
status: {phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 3}}}]}
`, "p | 0/1 | ExitCode:3 | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"signal", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a}]}
status: {phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 137, signal: 9}}}]}
`, "p | 0/1 | Signal:9 | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"evicted", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a}]}
status: {phase: Failed, reason: Evicted}
`, "p | 0/1 | Evicted | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"being deleted", `
apiVersion: v1
kind: Pod
metadata: {name: p, deletionTimestamp: "2026-01-02T12:00:00Z"}
spec: {containers: [{name: a}]}
status: {phase: Running, containerStatuses: [{name: a, ready: true, state: {running: {}}}]}
`, "p | 1/1 | Terminating | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"being deleted, on a lost node", `
apiVersion: v1
kind: Pod
metadata: {name: p, deletionTimestamp: "2026-01-02T12:00:00Z"}
spec: {containers: [{name: a}]}
status: {phase: Running, reason: NodeLost}
`, "p | 0/1 | Unknown | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"being deleted after its end", `
apiVersion: v1
kind: Pod
metadata: {name: p, deletionTimestamp: "2026-01-02T12:00:00Z"}
spec: {containers: [{name: a}]}
status: {phase: Succeeded, containerStatuses: [{name: a, state: {terminated: {reason: Completed}}}]}
`, "p | 0/1 | Completed | 0 | <unknown> | <none> | <none> | <none> | <none>"}})
}

func TestInitializingPods(t *testing.T) {
	runCases(t, []tableCase{{"waiting for its first", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {initContainers: [{name: i}, {name: j}], containers: [{name: a}]}
status:
  phase: Pending
  initContainerStatuses:
  - {name: i, state: {waiting: {reason: PodInitializing}}}
  - {name: j, state: {waiting: {reason: PodInitializing}}}
  containerStatuses:
  - {name: a, state: {waiting: {reason: PodInitializing}}}
`, "p | 0/1 | Init:0/2 | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"one is done", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {initContainers: [{name: i}, {name: j}], containers: [{name: a}]}
status:
  phase: Pending
  initContainerStatuses:
  - {name: i, restartCount: 1, state: {terminated: {exitCode: 0, reason: Completed}}, lastState: {terminated: {exitCode: 1, finishedAt: "2026-01-02T11:59:00Z"}}}
  - {name: j, state: {running: {}}}
`, "p | 0/1 | Init:1/2 | 1 (60s ago) | <unknown> | <none> | <none> | <none> | <none>"}, {"all are done", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {initContainers: [{name: i}], containers: [{name: a}]}
status:
  phase: Pending
  initContainerStatuses:
  - {name: i, restartCount: 1, state: {terminated: {exitCode: 0, reason: Completed}}}
  containerStatuses:
  - {name: a, state: {waiting: {reason: PodInitializing}}}
`, "p | 0/1 | PodInitializing | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"failing", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {initContainers: [{name: i}], containers: [{name: a}]}
status:
  phase: Pending
  initContainerStatuses:
  - {name: i, restartCount: 5, state: {waiting: {reason: CrashLoopBackOff}}}
`, "p | 0/1 | Init:CrashLoopBackOff | 5 | <unknown> | <none> | <none> | <none> | <none>"}, {"failed", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {initContainers: [{name: i}], containers: [{name: a}]}
status:
  phase: Pending
  initContainerStatuses:
  - {name: i, state: {terminated: {exitCode: 1, reason: Error}}}
`, "p | 0/1 | Init:Error | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"failed without a reason", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {initContainers: [{name: i}], containers: [{name: a}]}
status:
  phase: Pending
  initContainerStatuses:
  - {name: i, state: {terminated: {exitCode: 7}}}
`, "p | 0/1 | Init:ExitCode:7 | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"killed", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {initContainers: [{name: i}], containers: [{name: a}]}
status:
  phase: Pending
  initContainerStatuses:
  - {name: i, state: {terminated: {exitCode: 137, signal: 9}}}
`, "p | 0/1 | Init:Signal:9 | 0 | <unknown> | <none> | <none> | <none> | <none>"}, {"sidecar", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {initContainers: [{name: i, restartPolicy: Always}, {name: j}], containers: [{name: a}]}
status:
  phase: Running
  initContainerStatuses:
  - {name: i, started: true, ready: true, restartCount: 2, state: {running: {}}}
  - {name: j, restartCount: 9, state: {terminated: {exitCode: 0}}}
  containerStatuses:
  - {name: a, ready: true, restartCount: 1, state: {running: {}}}
`, "p | 2/2 | Running | 3 | <unknown> | <none> | <none> | <none> | <none>"}, {"sidecar that fails later", `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {initContainers: [{name: i, restartPolicy: Always}], containers: [{name: a}]}
status:
  phase: Running
  conditions: [{type: Initialized, status: "True"}]
  initContainerStatuses:
  - {name: i, started: false, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff}}}
  containerStatuses:
  - {name: a, ready: true, state: {running: {}}}
`, "p | 1/2 | Init:CrashLoopBackOff | 2 | <unknown> | <none> | <none> | <none> | <none>"}})
}

func TestPodTemplate(t *testing.T) {
	runCases(t, []tableCase{{"template", `
apiVersion: v1
kind: PodTemplate
metadata: {name: t}
template:
  metadata: {labels: {app: web}}
  spec: {containers: [{name: a, image: "a:1"}, {name: b, image: "b:2"}]}
`, "t | a,b | a:1,b:2 | app=web"}})
}

func TestEndedPodsAreMarked(t *testing.T) {
	for phase, message := range map[v1.PodPhase]string{
		v1.PodSucceeded: "The pod has completed successfully.", v1.PodFailed: "The pod failed.", v1.PodRunning: "",
	} {
		table, err := New().ConvertToTable(context.Background(), &v1.Pod{Status: v1.PodStatus{Phase: phase}}, nil)
		require.NoError(t, err)
		if message == "" {
			require.Empty(t, table.Rows[0].Conditions)
			continue
		}
		require.Equal(t, []metav1.TableRowCondition{
			{Type: metav1.RowCompleted, Status: metav1.ConditionTrue, Reason: string(phase), Message: message},
		}, table.Rows[0].Conditions)
	}
}
