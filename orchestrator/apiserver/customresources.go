package apiserver

import (
	"fmt"
	"net/url"

	"github.com/emicklei/go-restful/v3"
	"go.opentelemetry.io/otel/trace/noop"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	extensions "k8s.io/apiextensions-apiserver/pkg/apiserver"
	extensionsoptions "k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	extensionsopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	genericfilters "k8s.io/apiserver/pkg/endpoints/filters"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/util/notfoundhandler"
	"k8s.io/apiserver/pkg/util/openapi"
	"k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/kubernetes/scheme"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/kube-openapi/pkg/builder3"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/common/restfuladapter"
)

// customResources serves CustomResourceDefinitions and what they define: what the main server does not know goes there.
type customResources struct {
	server  *extensions.CustomResourceDefinitions
	openAPI *common.OpenAPIV3Config
}

// customResources makes that server. Of the main one's configuration it shares all but where objects are kept.
func (b *builder) customResources() (*customResources, error) {
	if b.config.AggregatedDiscoveryGroupManager == nil {
		b.config.AggregatedDiscoveryGroupManager = aggregated.NewResourceManager("apis")
	}
	generic := *b.config
	generic.PostStartHooks = map[string]genericapiserver.PostStartHookConfigEntry{}
	generic.RESTOptionsGetter = nil
	generic.Serializer = extensions.Codecs
	generic.SkipOpenAPIInstallation = true
	generic.OpenAPIConfig = nil
	definitions := openapi.GetOpenAPIDefinitionsWithoutDisabledFeatures(extensionsopenapi.GetOpenAPIDefinitions)
	generic.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(definitions, openapinamer.NewDefinitionNamer(extensions.Scheme, scheme.Scheme))
	generic.MergedResourceConfig = extensions.DefaultAPIResourceConfigSource()

	etcd := *b.options.Etcd
	etcd.SkipHealthEndpoints = true
	etcd.StorageConfig.Codec = extensions.Codecs.LegacyCodec(apiextensionsv1.SchemeGroupVersion)
	etcd.StorageConfig.EncodeVersioner = runtime.NewMultiGroupVersioner(apiextensionsv1.SchemeGroupVersion)
	etcd.DefaultStorageMediaType = runtime.ContentTypeJSON
	factory := serverstorage.NewDefaultStorageFactory(etcd.StorageConfig, runtime.ContentTypeJSON, extensions.Codecs,
		serverstorage.NewDefaultResourceEncodingConfig(extensions.Scheme), extensions.DefaultAPIResourceConfigSource(), nil)
	if err := etcd.ApplyWithStorageFactoryTo(factory, &generic); err != nil {
		return nil, fmt.Errorf("apiserver: custom resources: %w", err)
	}
	config := extensions.Config{
		GenericConfig: &genericapiserver.RecommendedConfig{Config: generic, SharedInformerFactory: b.informers},
		ExtraConfig: extensions.ExtraConfig{
			CRDRESTOptionsGetter: extensionsoptions.NewCRDRESTOptionsGetter(etcd, generic.ResourceTransformers, generic.StorageObjectCountTracker),
			MasterCount:          1,
			ServiceResolver:      serviceResolver{b.informers.Core().V1().Services().Lister()},
			AuthResolverWrapper:  webhook.NewDefaultAuthenticationInfoResolverWrapper(nil, nil, generic.LoopbackClientConfig, noop.NewTracerProvider()),
		},
	}
	notFound := notfoundhandler.New(generic.Serializer, genericfilters.NoMuxAndDiscoveryIncompleteKey)
	server, err := config.Complete().New(genericapiserver.NewEmptyDelegateWithCustomHandler(notFound))
	if err != nil {
		return nil, fmt.Errorf("apiserver: custom resources: %w", err)
	}
	return &customResources{server, generic.OpenAPIV3Config}, nil
}

// shareOpenAPI lets custom resources, and what defines them, be described beside all other kinds. It is for after the main server has
// prepared its own.
func (c *customResources) shareOpenAPI(main *genericapiserver.GenericAPIServer) error {
	own := c.server.GenericAPIServer
	own.StaticOpenAPISpec = main.StaticOpenAPISpec
	own.OpenAPIVersionedService = main.OpenAPIVersionedService
	own.OpenAPIV3VersionedService = main.OpenAPIV3VersionedService
	const definitions = "apis/" + apiextensionsv1.GroupName + "/v1"
	for _, service := range own.Handler.GoRestfulContainer.RegisteredWebServices() {
		if service.RootPath() != "/"+definitions {
			continue
		}
		spec, err := builder3.BuildOpenAPISpecFromRoutes(restfuladapter.AdaptWebServices([]*restful.WebService{service}), c.openAPI)
		if err != nil {
			return fmt.Errorf("OpenAPI of %s: %w", definitions, err)
		}
		main.OpenAPIV3VersionedService.UpdateGroupVersion(definitions, spec)
	}
	return nil
}

// serviceResolver finds the Services of webhooks that convert custom resources.
type serviceResolver struct{ services corev1listers.ServiceLister }

// ResolveEndpoint implements webhook.ServiceResolver.
func (r serviceResolver) ResolveEndpoint(namespace, name string, port int32) (*url.URL, error) {
	return proxy.ResolveCluster(r.services, namespace, name, port)
}
