package apiserver

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"

	"github.com/petcd/petcd/orchestrator/apiserver/registry"
)

// storages is what is served, by group and version, then by resource or resource/subresource.
type storages map[schema.GroupVersion]map[string]rest.Storage

func (s storages) add(gv schema.GroupVersion, resource string, storage rest.Storage) {
	if s[gv] == nil {
		s[gv] = map[string]rest.Storage{}
	}
	s[gv][resource] = storage
}

// stores are the stores of all kinds, by plural.
type stores map[string]*registry.Store

// parts is what the subresources need beside the stores.
type parts struct {
	kubelet registry.KubeletOptions
	tokens  registry.TokenConfig
	client  kubernetes.Interface
	access  authorizer.Authorizer
}

// newStorages makes the storage of all kinds and their subresources.
func newStorages(b *registry.Builder, eventSeconds uint64, p *parts) (storages, stores, error) {
	all, of := storages{}, stores{}
	for _, k := range registry.Kinds() {
		if k.GVK.Kind == "Event" {
			k.TTL = eventSeconds
		}
		store, status, err := b.Build(k)
		if err != nil {
			return nil, nil, err
		}
		gv := k.GVK.GroupVersion()
		of[k.Plural] = store
		all.add(gv, k.Plural, store)
		if status != nil {
			all.add(gv, k.Plural+"/status", status)
		}
	}
	return all, of, addSubresources(all, of, p)
}

// addSubresources adds what kinds serve beside their objects and status.
func addSubresources(all storages, of stores, p *parts) error {
	core, apps := schema.GroupVersion{Version: "v1"}, schema.GroupVersion{Group: "apps", Version: "v1"}
	for plural, gv := range map[string]schema.GroupVersion{"deployments": apps, "replicasets": apps, "statefulsets": apps, "replicationcontrollers": core} {
		scale, err := registry.NewScale(of[plural])
		if err != nil {
			return err
		}
		all.add(gv, plural+"/scale", scale)
	}
	pods := of["pods"]
	kubelets, err := registry.NewKubelets(of["nodes"], p.kubelet)
	if err != nil {
		return err
	}
	binding := registry.NewBinding(pods)
	all.add(core, "bindings", registry.NewBindings(binding))
	all.add(core, "pods/binding", binding)
	all.add(core, "pods/eviction", registry.NewEviction(pods, p.client))
	all.add(core, "pods/ephemeralcontainers", registry.NewEphemeralContainers(pods))
	all.add(core, "pods/log", registry.NewLog(pods, kubelets))
	all.add(core, "pods/exec", registry.NewExec(pods, kubelets, p.access))
	all.add(core, "pods/attach", registry.NewAttach(pods, kubelets, p.access))
	all.add(core, "pods/portforward", registry.NewPortForward(pods, kubelets, p.access))
	namespaces := registry.NewNamespaces(of["namespaces"])
	all.add(core, "namespaces", namespaces)
	all.add(core, "namespaces/finalize", registry.NewFinalize(namespaces))
	all.add(core, "serviceaccounts/token", registry.NewToken(of["serviceaccounts"], pods, of["secrets"], of["nodes"], p.tokens))
	certificates := schema.GroupVersion{Group: "certificates.k8s.io", Version: "v1"}
	all.add(certificates, "certificatesigningrequests/approval", registry.NewApproval(of["certificatesigningrequests"]))
	return nil
}

// install serves all groups.
func (s storages) install(server *genericapiserver.GenericAPIServer, scheme *runtime.Scheme, codecs serializer.CodecFactory) error {
	var groups []*genericapiserver.APIGroupInfo
	for _, gv := range scheme.PrioritizedVersionsAllGroups() {
		resources, ok := s[gv]
		if !ok {
			continue
		}
		group := genericapiserver.NewDefaultAPIGroupInfo(gv.Group, scheme, runtime.NewParameterCodec(scheme), codecs)
		group.VersionedResourcesStorageMap[gv.Version] = resources
		if gv.Group == "" {
			if err := server.InstallLegacyAPIGroup(genericapiserver.DefaultLegacyAPIPrefix, &group); err != nil {
				return fmt.Errorf("apiserver: serve %v: %w", gv, err)
			}
			continue
		}
		groups = append(groups, &group)
	}
	if err := server.InstallAPIGroups(groups...); err != nil {
		return fmt.Errorf("apiserver: serve groups: %w", err)
	}
	return nil
}
