package apiserver

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/apiserver/bootstrap"
	"github.com/petcd/petcd/orchestrator/apiserver/kubernetesservice"
)

// bootstrapPatience is how long the objects that every cluster has may take to be written: the store may come up last.
const bootstrapPatience = time.Minute

// addHooks adds what runs beside the server once it serves.
func (b *builder) addHooks(s *genericapiserver.GenericAPIServer) error {
	believed, err := authenticationData(b.clientCA, b.config.Authentication.RequestHeaderConfig)
	if err != nil {
		return err
	}
	// Until this has ended the server is not ready, so that nobody meets a cluster without its roles.
	s.AddPostStartHookOrDie("bootstrap-objects", func(c genericapiserver.PostStartHookContext) error {
		return wait.PollUntilContextTimeout(c, time.Second, bootstrapPatience, true, func(ctx context.Context) (bool, error) {
			err := bootstrap.Reconcile(ctx, b.client)
			if err == nil {
				err = publishAuthentication(ctx, b.client, believed)
			}
			if err != nil {
				klog.FromContext(ctx).Info("Not all objects that every cluster has are there yet", "err", err)
			}
			return err == nil, nil
		})
	})
	keeper, err := b.keeper(s)
	if err != nil {
		return err
	}
	return keeper.AddHooks(s)
}

// keeper keeps the Service of the apiservers.
func (b *builder) keeper(s *genericapiserver.GenericAPIServer) (*kubernetesservice.Keeper, error) {
	leases, err := b.raw(s, "endpoints", kubernetesservice.LeasePrefix, func() runtime.Object { return &corev1.Endpoints{} }, func() runtime.Object { return &corev1.EndpointsList{} })
	if err != nil {
		return nil, err
	}
	_, port, err := b.config.SecureServing.HostPort()
	if err != nil {
		return nil, fmt.Errorf("apiserver: %w", err)
	}
	return &kubernetesservice.Keeper{Client: b.client, Storage: leases, ServiceIP: b.options.ServiceRanges.first()[0], PublicIP: b.options.Server.AdvertiseAddress, PublicPort: port}, nil
}

// raw is storage for objects that are no resource, but the apiserver's own notes. They lie below prefix, encoded as those of a resource.
func (b *builder) raw(s *genericapiserver.GenericAPIServer, likeResource, prefix string, one, list func() runtime.Object) (storage.Interface, error) {
	config, err := b.factory.NewConfig(corev1.Resource(likeResource), one())
	if err != nil {
		return nil, fmt.Errorf("apiserver: %w", err)
	}
	raw, destroy, err := factory.Create(*config, one, list, prefix)
	if err != nil {
		return nil, fmt.Errorf("apiserver: %w", err)
	}
	s.RegisterDestroyFunc(destroy)
	return raw, nil
}
