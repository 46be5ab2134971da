package noderestriction

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// Name is the plugin's in --enable-admission-plugins.
const Name = "NodeRestriction"

// userPrefix is how the name of a kubelet's user begins; the node's name follows.
const userPrefix = "system:node:"

// Register makes the plugin known by its name.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin keeps the rules of the package.
type Plugin struct {
	*admission.Handler
	client kubernetes.Interface
	pods   corelisters.PodLister
	nodes  corelisters.NodeLister
}

// New returns a plugin that still wants a client and informers.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create, admission.Update, admission.Delete)}
}

// SetExternalKubeClientSet implements initializer.WantsExternalKubeClientSet.
func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.client = c }

// SetExternalKubeInformerFactory implements initializer.WantsExternalKubeInformerFactory.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	pods, nodes := f.Core().V1().Pods(), f.Core().V1().Nodes()
	p.pods, p.nodes = pods.Lister(), nodes.Lister()
	podsSynced, nodesSynced := pods.Informer().HasSynced, nodes.Informer().HasSynced
	p.SetReadyFunc(func() bool { return podsSynced() && nodesSynced() })
}

// ValidateInitialization implements admission.InitializationValidator.
func (p *Plugin) ValidateInitialization() error {
	if p.client == nil || p.pods == nil || p.nodes == nil {
		return errors.New(Name + " needs a client and informers")
	}
	return nil
}

// identity returns the name of the node that a user is the kubelet of.
func identity(u user.Info) (node string, isNode bool) {
	if u == nil || !strings.HasPrefix(u.GetName(), userPrefix) || !slices.Contains(u.GetGroups(), user.NodesGroup) {
		return "", false
	}
	return strings.TrimPrefix(u.GetName(), userPrefix), true
}

// Admit implements admission.MutationInterface. It changes nothing, but comes before what does.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	node, isNode := identity(a.GetUserInfo())
	if !isNode {
		return nil
	}
	if node == "" {
		return admission.NewForbidden(a, fmt.Errorf("could not determine node from user %q", a.GetUserInfo().GetName()))
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	refusal := p.rule(ctx, node, a)
	if refusal == nil || apierrors.IsNotFound(refusal) {
		return refusal
	}
	return admission.NewForbidden(a, refusal)
}

// rule applies what holds for the resource of a request.
func (p *Plugin) rule(ctx context.Context, node string, a admission.Attributes) error {
	switch a.GetResource().GroupResource() {
	case corev1.Resource("pods"):
		return p.pod(ctx, node, a)
	case corev1.Resource("nodes"):
		return admitNode(node, a)
	case corev1.Resource("persistentvolumeclaims"):
		return admitClaim(node, a)
	case corev1.Resource("serviceaccounts"):
		return p.token(ctx, node, a)
	case coordinationv1.Resource("leases"):
		if a.GetNamespace() != corev1.NamespaceNodeLease {
			return fmt.Errorf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
		}
		return ownName(node, a, "can only access node lease with the same name as the requesting node")
	case storagev1.Resource("csinodes"):
		return ownName(node, a, "can only access CSINode with the same name as the requesting node")
	case certificatesv1.Resource("certificatesigningrequests"):
		return admitCertificate(node, a)
	}
	return nil
}

// ownName refuses an object that has not the node's name.
func ownName(node string, a admission.Attributes, refusal string) error {
	name := a.GetName()
	if a.GetOperation() == admission.Create {
		obj, ok := a.GetObject().(metav1.Object)
		if !ok {
			return fmt.Errorf("unexpected type %T", a.GetObject())
		}
		name = obj.GetName()
	}
	if name != node {
		return errors.New(refusal)
	}
	return nil
}

// find returns a pod. Of what a kubelet may do with it the informer's copy can only say yes: a kubelet may have been told before it of a new
// pod, or that it was bound.
func (p *Plugin) find(ctx context.Context, namespace, name string, fits func(*corev1.Pod) bool) (*corev1.Pod, error) {
	pod, err := p.pods.Pods(namespace).Get(name)
	if apierrors.IsNotFound(err) || (err == nil && !fits(pod)) {
		return p.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	return pod, err
}
