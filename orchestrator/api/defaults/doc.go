// Package defaults fills in what a client left out, with upstream's values, so that an object reads back as from any Kubernetes.
//
// Read Register first: it lists the kinds. For each there is one function that changes an object in place. The apiserver calls it
// whenever it decodes the object, from a client and from the store; so a function is idempotent and looks at nothing but the object.
// What a client set stays as it is, unless it contradicts another field.
//
// One Go type serves as versioned and as internal type here. What upstream does when it converts between the two, such as moving
// a Secret's stringData into its data, is therefore done here as well: see mirrored.go.
//
// Not here: what depends on other objects or on the request. Priorities, tolerations and service accounts of pods are admission's;
// addresses, node ports, IP families, generations and first statuses are the registry's.
//
// Kinds that Register does not name have no defaults upstream: Event, ServiceAccount, ControllerRevision, Lease, CSINode, Ingress,
// PodDisruptionBudget, CertificateSigningRequest, Role, ClusterRole.
package defaults
