package manager

import (
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/bootstraptokens"
	"github.com/petcd/petcd/orchestrator/controller/certificates"
	"github.com/petcd/petcd/orchestrator/controller/clusterroleaggregation"
	"github.com/petcd/petcd/orchestrator/controller/cronjob"
	"github.com/petcd/petcd/orchestrator/controller/daemonset"
	"github.com/petcd/petcd/orchestrator/controller/deployment"
	"github.com/petcd/petcd/orchestrator/controller/disruption"
	"github.com/petcd/petcd/orchestrator/controller/endpoints"
	"github.com/petcd/petcd/orchestrator/controller/endpointslice"
	"github.com/petcd/petcd/orchestrator/controller/garbagecollector"
	"github.com/petcd/petcd/orchestrator/controller/job"
	"github.com/petcd/petcd/orchestrator/controller/namespace"
	"github.com/petcd/petcd/orchestrator/controller/nodeipam"
	"github.com/petcd/petcd/orchestrator/controller/nodelifecycle"
	"github.com/petcd/petcd/orchestrator/controller/podgc"
	"github.com/petcd/petcd/orchestrator/controller/pvbinder"
	"github.com/petcd/petcd/orchestrator/controller/pvcprotection"
	"github.com/petcd/petcd/orchestrator/controller/pvprotection"
	"github.com/petcd/petcd/orchestrator/controller/replicaset"
	"github.com/petcd/petcd/orchestrator/controller/replicationcontroller"
	"github.com/petcd/petcd/orchestrator/controller/resourcequota"
	"github.com/petcd/petcd/orchestrator/controller/rootca"
	"github.com/petcd/petcd/orchestrator/controller/serviceaccount"
	"github.com/petcd/petcd/orchestrator/controller/statefulset"
	"github.com/petcd/petcd/orchestrator/controller/tainteviction"
	"github.com/petcd/petcd/orchestrator/controller/token"
	"github.com/petcd/petcd/orchestrator/controller/ttlafterfinished"
)

// built is what controllers are made of.
type built struct {
	config    *rest.Config // of the apiserver
	env       *controller.Env
	options   *Options
	ranges    []*nodeipam.Pool                                     // of pod addresses; nil: nodes get none
	rootCA    []byte                                               // nil: there is none to publish
	authority *certificates.Authority                              // nil: nothing is signed
	mint      func(*v1.ServiceAccount, *v1.Secret) (string, error) // nil: tokens cannot be signed
}

// plain is a controller that needs its environment only.
func plain(f func(*controller.Env) controller.Runner) func(*built) controller.Runner {
	return func(b *built) controller.Runner { return f(b.env) }
}

// controllers makes each controller, by upstream's name; nil for one that this process' flags give nothing to do.
func controllers() map[string]func(*built) controller.Runner {
	return map[string]func(*built) controller.Runner{
		"bootstrap-signer-controller":                    plain(bootstraptokens.NewSigner),
		"certificatesigningrequest-approving-controller": plain(certificates.NewApprover),
		"certificatesigningrequest-cleaner-controller":   plain(certificates.NewCleaner),
		"clusterrole-aggregation-controller":             plain(clusterroleaggregation.New),
		"cronjob-controller":                             plain(cronjob.New),
		"daemonset-controller":                           plain(daemonset.New),
		"deployment-controller":                          plain(deployment.New),
		"disruption-controller":                          plain(disruption.New),
		"endpoints-controller":                           plain(endpoints.New),
		"endpointslice-controller":                       plain(endpointslice.New),
		"garbage-collector-controller":                   plain(garbagecollector.New),
		"job-controller":                                 plain(job.New),
		"namespace-controller":                           plain(namespace.New),
		"persistentvolume-protection-controller":         plain(pvprotection.New),
		"persistentvolumeclaim-protection-controller":    plain(pvcprotection.New),
		"replicaset-controller":                          plain(replicaset.New),
		"replicationcontroller-controller":               plain(replicationcontroller.New),
		"resourcequota-controller":                       plain(resourcequota.New),
		"serviceaccount-controller":                      plain(serviceaccount.New),
		"statefulset-controller":                         plain(statefulset.New),
		"taint-eviction-controller":                      plain(tainteviction.New),
		"token-cleaner-controller":                       plain(bootstraptokens.NewCleaner),
		"ttl-after-finished-controller":                  plain(ttlafterfinished.New),

		"certificatesigningrequest-signing-controller": func(b *built) controller.Runner {
			if b.authority == nil {
				return nil
			}
			return certificates.NewSigner(b.env, b.authority)
		},
		"node-lifecycle-controller": func(b *built) controller.Runner { return nodelifecycle.New(b.env, b.options.Nodes) },
		"node-ipam-controller": func(b *built) controller.Runner {
			if b.ranges == nil {
				return nil
			}
			return nodeipam.New(b.env, b.ranges)
		},
		"persistentvolume-binder-controller": func(b *built) controller.Runner { return pvbinder.New(b.env, b.options.Volumes) },
		"pod-garbage-collector-controller":   func(b *built) controller.Runner { return podgc.New(b.env, b.options.TerminatedPodThreshold) },
		"root-ca-certificate-publisher-controller": func(b *built) controller.Runner {
			if b.rootCA == nil {
				return nil
			}
			return rootca.New(b.env, b.rootCA)
		},
		"serviceaccount-token-controller": func(b *built) controller.Runner {
			if b.mint == nil {
				return nil
			}
			return token.New(b.env, b.rootCA, b.mint)
		},
	}
}

// Names are the names of all controllers, in order.
func Names() []string { return slices.Sorted(maps.Keys(controllers())) }
