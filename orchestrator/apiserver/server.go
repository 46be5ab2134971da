package apiserver

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/petcd/petcd/orchestrator/api"
	"github.com/petcd/petcd/orchestrator/api/openapi"
	"github.com/petcd/petcd/orchestrator/apiserver/registry"
	"github.com/petcd/petcd/orchestrator/apiserver/tables"
)

// Server is an apiserver that is ready to run.
type Server struct {
	main   *genericapiserver.GenericAPIServer
	custom *customResources
}

// builder is what a Server is made of.
type builder struct {
	options *Options
	scheme  *runtime.Scheme
	codecs  serializer.CodecFactory
	config  *genericapiserver.Config

	factory   serverstorage.StorageFactory
	client    kubernetes.Interface
	dynamic   dynamic.Interface
	informers informers.SharedInformerFactory
	accounts  *accounts
	clientCA  []byte // PEM
	rules     authorizer.RuleResolver
}

// New makes a server of valid options. Its port is open when it returns, and nothing is served before Run.
func New(ctx context.Context, o *Options) (*Server, error) {
	scheme, err := api.NewScheme()
	if err != nil {
		return nil, err
	}
	b := &builder{options: o, scheme: scheme, codecs: serializer.NewCodecFactory(scheme)}
	b.config = genericapiserver.NewConfig(b.codecs)
	for _, step := range []func() error{b.serving, b.clients, b.storage, func() error { return b.security(ctx) }, b.admission} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("apiserver: %w", err)
		}
	}
	return b.server()
}

// serving sets what concerns requests in general.
func (b *builder) serving() error {
	o, c := b.options, b.config
	if err := o.Server.ApplyTo(c); err != nil {
		return err
	}
	if err := o.Serving.ApplyToConfig(c); err != nil {
		return err
	}
	if err := o.Audit.ApplyTo(c); err != nil {
		return err
	}
	c.EnableProfiling = o.Features.EnableProfiling
	c.LongRunningFunc = genericfilters.BasicLongRunningRequestCheck(
		sets.NewString("watch"), sets.NewString("attach", "exec", "log", "portforward"))
	namer := openapinamer.NewDefinitionNamer(b.scheme)
	c.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(openapi.GetOpenAPIDefinitions, namer)
	c.OpenAPIConfig.Info.Title = "Kubernetes"
	c.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(openapi.GetOpenAPIDefinitions, namer)
	c.OpenAPIV3Config.Info.Title = "Kubernetes"
	return nil
}

// clients are those by which parts of the apiserver use its API.
func (b *builder) clients() (err error) {
	loopback := b.config.LoopbackClientConfig
	// In the apiserver's own process, a limit on its own requests would only make users wait.
	loopback.QPS, loopback.Burst = -1, -1
	loopback.WarningHandler = rest.NoWarnings{}
	if b.client, err = kubernetes.NewForConfig(loopback); err != nil {
		return err
	}
	if b.dynamic, err = dynamic.NewForConfig(loopback); err != nil {
		return err
	}
	b.informers = informers.NewSharedInformerFactory(b.client, 0)
	return nil
}

// storage connects to the store.
func (b *builder) storage() error {
	o := b.options.Etcd
	o.StorageConfig.StorageObjectCountTracker = b.config.StorageObjectCountTracker
	resources := serverstorage.NewResourceConfig()
	for _, gv := range b.scheme.PrioritizedVersionsAllGroups() {
		resources.EnableVersions(gv)
	}
	b.config.MergedResourceConfig = resources
	b.factory = serverstorage.NewDefaultStorageFactory(o.StorageConfig, o.DefaultStorageMediaType, b.codecs,
		serverstorage.NewDefaultResourceEncodingConfig(b.scheme), resources, registry.Prefixes())
	return o.ApplyWithStorageFactoryTo(b.factory, b.config)
}

// admission sets what is changed or refused on the way in.
func (b *builder) admission() error {
	if err := b.options.Admission.ApplyTo(b.config, b.informers, b.client, b.dynamic, b.config.FeatureGate, b.config.EffectiveVersion); err != nil {
		return err
	}
	b.guardRoles()
	return nil
}

// server joins the parts.
func (b *builder) server() (*Server, error) {
	custom, err := b.customResources()
	if err != nil {
		return nil, err
	}
	main, err := b.config.Complete(b.informers).New("kube-apiserver", custom.server.GenericAPIServer)
	if err != nil {
		return nil, fmt.Errorf("apiserver: %w", err)
	}
	all, of, err := newStorages(&registry.Builder{Scheme: b.scheme, Tables: tables.New(), Getter: b.config.RESTOptionsGetter},
		uint64(b.options.EventTTL.Seconds()), &parts{
			kubelet: b.kubelet(), tokens: b.accounts.tokens, client: b.client, access: b.config.Authorization.Authorizer,
		})
	if err != nil {
		return nil, err
	}
	b.addReviews(all)
	if err := b.assignServices(main, of); err != nil {
		return nil, err
	}
	if err := all.install(main, b.scheme, b.codecs); err != nil {
		return nil, err
	}
	b.accounts.install(main)
	if err := custom.listGroups(main, b.scheme.IsGroupRegistered); err != nil {
		return nil, err
	}
	if err := b.addHooks(main); err != nil {
		return nil, err
	}
	return &Server{main: main, custom: custom}, nil
}

// Run serves until ctx ends, and then until the requests that are under way have ended.
func (s *Server) Run(ctx context.Context) error {
	prepared := s.main.PrepareRun()
	if err := s.custom.shareOpenAPI(s.main); err != nil {
		return fmt.Errorf("apiserver: %w", err)
	}
	if err := prepared.RunWithContext(ctx); err != nil {
		return fmt.Errorf("apiserver: %w", err)
	}
	return nil
}
