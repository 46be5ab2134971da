package admission

import (
	"k8s.io/apiserver/pkg/admission"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/certificates"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/defaultstorageclass"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/defaulttolerationseconds"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/limitranger"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/namespacelifecycle"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/noderestriction"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/ownerreferencespermission"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/podsecurity"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/priority"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/resourcequota"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/serviceaccount"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/storageobjectinuse"
	"github.com/petcd/petcd/orchestrator/apiserver/admission/taintnodesbycondition"
)

// Register makes all plugins known by their names.
func Register(plugins *admission.Plugins) {
	namespacelifecycle.Register(plugins)
	limitranger.Register(plugins)
	serviceaccount.Register(plugins)
	noderestriction.Register(plugins)
	taintnodesbycondition.Register(plugins)
	podsecurity.Register(plugins)
	priority.Register(plugins)
	defaulttolerationseconds.Register(plugins)
	defaultstorageclass.Register(plugins)
	storageobjectinuse.Register(plugins)
	ownerreferencespermission.Register(plugins)
	certificates.Register(plugins)
	resourcequota.Register(plugins)
}

// Order is the order in which plugins run. A plugin that refuses comes before one that has an effect elsewhere: so quotas are last.
func Order() []string {
	return []string{
		namespacelifecycle.Name,
		limitranger.Name,
		serviceaccount.Name,
		noderestriction.Name,
		taintnodesbycondition.Name,
		podsecurity.Name,
		priority.Name,
		defaulttolerationseconds.Name,
		defaultstorageclass.Name,
		storageobjectinuse.Name,
		ownerreferencespermission.Name,
		certificates.ApprovalName,
		certificates.SigningName,
		certificates.SubjectRestrictionName,
		resourcequota.Name,
	}
}

// DefaultOff are the plugins that run only when asked for, as upstream's are: node restriction is for those who set up a cluster
// whose kubelets have users of their own.
func DefaultOff() []string {
	return []string{noderestriction.Name, ownerreferencespermission.Name}
}
