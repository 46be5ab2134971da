package registry

import "k8s.io/apimachinery/pkg/runtime/schema"

// Prefixes are the resources whose keys in the store have another name, for reasons that are older than this code: whoever looks
// into the store with etcdctl finds things where they have always been.
func Prefixes() map[schema.GroupResource]string {
	return map[schema.GroupResource]string{
		{Resource: "replicationcontrollers"}:                "controllers",
		{Resource: "endpoints"}:                             "services/endpoints",
		{Resource: "nodes"}:                                 "minions",
		{Resource: "services"}:                              "services/specs",
		{Group: "networking.k8s.io", Resource: "ingresses"}: "ingress",
	}
}
