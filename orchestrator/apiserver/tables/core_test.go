package tables

import "testing"

func TestNodes(t *testing.T) {
	runCases(t, []tableCase{{"ready", `
apiVersion: v1
kind: Node
metadata:
  name: n1
  creationTimestamp: "2026-01-02T11:55:00Z"
  labels: {node-role.kubernetes.io/control-plane: "", node-role.kubernetes.io/etcd: "", kubernetes.io/role: etcd, node-role.kubernetes.io/: ""}
status:
  conditions: [{type: MemoryPressure, status: "False"}, {type: Ready, status: "True"}]
  addresses: [{type: Hostname, address: n1}, {type: InternalIP, address: 10.0.0.1}, {type: ExternalIP, address: 192.0.2.1}]
  nodeInfo: {kubeletVersion: v1.37.2, osImage: Debian, kernelVersion: 6.1.0, containerRuntimeVersion: "containerd://1.6.20"}
`, "n1 | Ready | control-plane,etcd | 5m | v1.37.2 | 10.0.0.1 | 192.0.2.1 | Debian | 6.1.0 | containerd://1.6.20"}, {"cordoned", `
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {unschedulable: true}
status: {conditions: [{type: Ready, status: Unknown}]}
`, "n1 | NotReady,SchedulingDisabled | <none> | <unknown> |  | <none> | <none> | <unknown> | <unknown> | <unknown>"}, {"silent", `
apiVersion: v1
kind: Node
metadata: {name: n1}
`, "n1 | Unknown | <none> | <unknown> |  | <none> | <none> | <unknown> | <unknown> | <unknown>"}})
}

func TestEvents(t *testing.T) {
	runCases(t, []tableCase{{"repeated", `
apiVersion: v1
kind: Event
metadata: {name: e}
type: Warning
reason: BackOff
involvedObject: {kind: Pod, name: p, fieldPath: "spec.containers{a}"}
source: {component: kubelet, host: n1}
message: "Back-off restarting\n"
firstTimestamp: "2026-01-02T11:00:00Z"
lastTimestamp: "2026-01-02T11:59:00Z"
count: 7
`, "60s | Warning | BackOff | pod/p | spec.containers{a} | kubelet, n1 | Back-off restarting | 60m | 7 | e"}, {"new style, once", `
apiVersion: v1
kind: Event
metadata: {name: e}
type: Normal
reason: Scheduled
involvedObject: {kind: Pod, name: p}
reportingComponent: default-scheduler
reportingInstance: default-scheduler-n1
eventTime: "2026-01-02T11:55:00.000000Z"
`, "5m | Normal | Scheduled | pod/p |  | default-scheduler, default-scheduler-n1 |  | 5m | 1 | e"}, {"series", `
apiVersion: v1
kind: Event
metadata: {name: e}
involvedObject: {kind: Node}
reportingComponent: c
eventTime: "2026-01-02T11:00:00.000000Z"
series: {count: 4, lastObservedTime: "2026-01-02T11:58:00.000000Z"}
`, "2m |  |  | node |  | c |  | 60m | 4 | e"}, {"without times", `
apiVersion: v1
kind: Event
metadata: {name: e}
`, "<unknown> |  |  |  |  |  |  | <unknown> | 1 | e"}})
}

func TestCore(t *testing.T) {
	runCases(t, []tableCase{{"namespace", `
apiVersion: v1
kind: Namespace
metadata: {name: n1, creationTimestamp: "2025-12-31T12:00:00Z"}
status: {phase: Terminating}
`, "n1 | Terminating | 2d"}, {"secret", `
apiVersion: v1
kind: Secret
metadata: {name: s}
type: kubernetes.io/tls
data: {tls.crt: YQ==, tls.key: Yg==}
`, "s | kubernetes.io/tls | 2 | <unknown>"}, {"config map", `
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {a: b}
binaryData: {b: YQ==, c: Yg==}
`, "c | 3 | <unknown>"}, {"service account", `
apiVersion: v1
kind: ServiceAccount
metadata: {name: a}
secrets: [{name: s}]
`, "a | 1 | <unknown>"}, {"resource quota", `
apiVersion: v1
kind: ResourceQuota
metadata: {name: q, creationTimestamp: "2026-01-02T11:55:00Z"}
status:
  hard: {services.nodeports: "1", services: "5", limits.cpu: "4", limits.memory: 1Gi, requests.cpu: "2"}
  used: {services: "2", limits.cpu: 500m, limits.memory: "0", requests.cpu: 100m}
`, "q | requests.cpu: 100m/2, services: 2/5, services.nodeports: 0/1 | limits.cpu: 500m/4, limits.memory: 0/1Gi | 5m"}, {"status", `
apiVersion: v1
kind: Status
status: Failure
reason: NotFound
message: no such thing
`, "Failure | NotFound | no such thing"}})
}

func TestStorage(t *testing.T) {
	runCases(t, []tableCase{{"volume", `
apiVersion: v1
kind: PersistentVolume
metadata: {name: v, creationTimestamp: "2026-01-02T11:55:00Z"}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteMany, ReadWriteOnce, ReadOnlyMany, ReadWriteOncePod, ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  claimRef: {namespace: default, name: c}
  storageClassName: fast
  volumeMode: Block
status: {phase: Bound}
`, "v | 1Gi | RWO,ROX,RWX,RWOP | Retain | Bound | default/c | fast | <unset> |  | 5m | Block"}, {"volume being deleted", `
apiVersion: v1
kind: PersistentVolume
metadata: {name: v, deletionTimestamp: "2026-01-02T11:55:00Z"}
spec: {volumeAttributesClassName: gold}
status: {phase: Failed, reason: Lost}
`, "v | 0 |  |  | Terminating |  |  | gold | Lost | <unknown> | <unset>"}, {"bound claim", `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: c, creationTimestamp: "2026-01-02T11:55:00Z"}
spec: {volumeName: v, storageClassName: fast, volumeMode: Filesystem, resources: {requests: {storage: 1Mi}}}
status: {phase: Bound, capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]}
`, "c | Bound | v | 1Gi | RWO | fast | <unset> | 5m | Filesystem"}, {"pending claim", `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: c}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
status: {phase: Pending}
`, "c | Pending |  |  |  |  | <unset> | <unknown> | <unset>"}, {"claim being deleted", `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: c, deletionTimestamp: "2026-01-02T11:55:00Z"}
status: {phase: Bound}
`, "c | Terminating |  |  |  |  | <unset> | <unknown> | <unset>"}, {"default class", `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: s, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: p
reclaimPolicy: Retain
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
`, "s (default) | p | Retain | WaitForFirstConsumer | true | <unknown>"}, {"class", `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: s}
provisioner: p
`, "s | p | Delete | Immediate | false | <unknown>"}, {"driver", `
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: d}
spec: {podInfoOnMount: true, tokenRequests: [{audience: a}, {audience: b}], volumeLifecycleModes: [Persistent, Ephemeral]}
`, "d | true | true | false | a,b | false | Persistent,Ephemeral | <unknown>"}, {"bare driver", `
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: d}
spec: {attachRequired: false, storageCapacity: true, requiresRepublish: true}
`, "d | false | false | true | <unset> | true | <none> | <unknown>"}, {"drivers of a node", `
apiVersion: storage.k8s.io/v1
kind: CSINode
metadata: {name: n1}
spec: {drivers: [{name: a, nodeID: i}]}
`, "n1 | 1 | <unknown>"}, {"attachment", `
apiVersion: storage.k8s.io/v1
kind: VolumeAttachment
metadata: {name: a}
spec: {attacher: d, nodeName: n1, source: {persistentVolumeName: v}}
status: {attached: true}
`, "a | d | v | n1 | true | <unknown>"}})
}

func TestOtherGroups(t *testing.T) {
	runCases(t, []tableCase{{"lease", `
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: l, creationTimestamp: "2026-01-02T11:55:00Z"}
spec: {holderIdentity: me}
`, "l | me | 5m"}, {"role binding", `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, creationTimestamp: "2026-01-02T11:55:00Z"}
roleRef: {kind: ClusterRole, name: view}
subjects: [{kind: User, name: jane}, {kind: User, name: joe}, {kind: Group, name: team}, {kind: ServiceAccount, namespace: ns, name: robot}]
`, "b | ClusterRole/view | 5m | jane, joe | team | ns/robot"}, {"cluster role binding", `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: b}
roleRef: {kind: ClusterRole, name: view}
`, "b | ClusterRole/view | <unknown> |  |  | "}, {"disruption budget", `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: b, creationTimestamp: "2026-01-02T11:55:00Z"}
spec: {minAvailable: 50%}
status: {disruptionsAllowed: 2}
`, "b | 50% | N/A | 2 | 5m"}, {"scale", `
apiVersion: autoscaling/v1
kind: Scale
metadata: {name: web}
spec: {replicas: 3}
status: {replicas: 2}
`, "web | 3 | 2 | <unknown>"}, {"priority class", `
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: p}
value: 1000
preemptionPolicy: Never
globalDefault: true
`, "p | 1000 | true | <unknown> | Never"}, {"certificate request", `
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: r, creationTimestamp: "2026-01-02T11:55:00Z"}
spec: {signerName: kubernetes.io/kube-apiserver-client, username: jane, expirationSeconds: 86400}
status: {certificate: YQ==, conditions: [{type: Approved, status: "True"}]}
`, "r | 5m | kubernetes.io/kube-apiserver-client | jane | 24h | Approved,Issued"}, {"denied certificate request", `
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: r}
spec: {username: jane}
status: {conditions: [{type: Denied, status: "True"}, {type: Failed, status: "True"}]}
`, "r | <unknown> | <none> | jane | <none> | Denied,Failed"}, {"new certificate request", `
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: r}
`, "r | <unknown> | <none> |  | <none> | Pending"}})
}
