package validation

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/petcd/petcd/orchestrator/api/defaults"
)

// written are manifests as short as users write them.
const written = `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: default}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 80}], livenessProbe: {httpGet: {port: 80}}}], volumes: [{name: v}]}
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: default}
spec: {type: NodePort, selector: {app: a}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: rc, namespace: default}
spec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: i}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, namespace: default}
spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: i}]}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds, namespace: default}
spec:
  selector: {matchLabels: {app: a}}
  template: {metadata: {labels: {app: a}}, spec: {hostNetwork: true, containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: ss, namespace: default}
spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: i}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: cj, namespace: default}
spec: {schedule: "@daily", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: c, namespace: default}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: sc}
provisioner: example.com/p
---
apiVersion: v1
kind: Secret
metadata: {name: s, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: rb, namespace: default}
roleRef: {kind: Role, name: r}
subjects: [{kind: User, name: jane}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: np, namespace: default}
spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}
`

// TestWrittenAndDefaulted keeps defaulting and validation together: what one leaves empty the other must not ask for.
func TestWrittenAndDefaulted(t *testing.T) {
	s := runtime.NewScheme()
	require.NoError(t, scheme.AddToScheme(s))
	defaults.Register(s)
	for m := range strings.SplitSeq(written, "---\n") {
		obj := decode(t, object(t, m))
		s.Default(obj)
		require.Empty(t, Create(obj), m)
	}
}

// TestUnknownKind has its metadata checked and nothing else, wherever it lives.
func TestUnknownKind(t *testing.T) {
	hpa := &autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "default", ResourceVersion: "1"}}
	require.Empty(t, Create(hpa))
	require.Empty(t, Update(hpa, hpa))
	require.Empty(t, UpdateStatus(hpa, hpa))
	require.Empty(t, Warnings(hpa))
	hpa.Name = "a/b"
	require.Equal(t, `metadata.name: Invalid value: "a/b": may not contain '/'`, Create(hpa).ToAggregate().Error())
}

// TestWrongTypes are errors: another kind in an object's place, and what isn't an object.
func TestWrongTypes(t *testing.T) {
	m := metav1.ObjectMeta{Name: "a", Namespace: "default", ResourceVersion: "1"}
	require.ErrorContains(t, Update(&v1.Secret{ObjectMeta: m}, &v1.ConfigMap{ObjectMeta: m}).ToAggregate(),
		"a *v1.Secret cannot take the place of a *v1.ConfigMap")
	require.ErrorContains(t, Create(&v1.PodList{}).ToAggregate(), "object does not implement the Object interfaces")
	require.ErrorContains(t, Update(&v1.PodList{}, &v1.PodList{}).ToAggregate(), "object does not implement the Object interfaces")
}
