package manager

import (
	"context"
	"fmt"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/apiserver/serviceaccount"
	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/certificates"
)

// mapperReset is how often what kinds there are is asked for again, for the controllers that handle all of them.
const mapperReset = 30 * time.Second

// Run runs the chosen controllers until ctx ends.
func (o *Options) Run(ctx context.Context, config *rest.Config) error {
	b := &built{options: o}
	if err := o.credentials(b); err != nil {
		return err
	}
	b.config = config
	events, err := b.environment(ctx)
	if err != nil {
		return err
	}
	defer events.Shutdown()
	var running controller.Runners
	for _, name := range Names() {
		if !o.runs(name) {
			klog.FromContext(ctx).Info("Not chosen", "controller", name)
			continue
		}
		one, err := b.as(name)
		if err != nil {
			return err
		}
		if r := controllers()[name](one); r != nil {
			running = append(running, r)
		}
	}
	b.env.Informers.Start(ctx.Done())
	running.Run(ctx)
	return nil
}

// credentials reads what controllers hand out.
func (o *Options) credentials(b *built) (err error) {
	if b.ranges, err = o.PodRanges.Pools(); err != nil {
		return err
	}
	if o.RootCAFile != "" {
		if b.rootCA, err = os.ReadFile(o.RootCAFile); err != nil {
			return fmt.Errorf("--root-ca-file: %w", err)
		}
	}
	if o.Signer.Cert != "" {
		if b.authority, err = certificates.LoadAuthority(o.Signer.Cert, o.Signer.Key, o.Signer.Duration); err != nil {
			return fmt.Errorf("--cluster-signing-cert-file: %w", err)
		}
	}
	if o.SigningKeyFile == "" {
		return nil
	}
	key, err := serviceaccount.ReadPrivateKey(o.SigningKeyFile)
	if err != nil {
		return fmt.Errorf("--service-account-private-key-file: %w", err)
	}
	issuer, err := serviceaccount.NewIssuer(serviceaccount.LegacyIssuer, key)
	if err != nil {
		return fmt.Errorf("--service-account-private-key-file: %w", err)
	}
	b.mint = func(account *v1.ServiceAccount, secret *v1.Secret) (string, error) {
		return issuer.Sign(serviceaccount.LegacyClaims(account, secret))
	}
	return nil
}

// clients returns the clients of one user of the apiserver, whom it sees by name. Each has a rate of its own: a controller that has much
// to write, or a flood of events, must not hold up the others.
func (b *built) clients(name string) (kubernetes.Interface, metadata.Interface, error) {
	config := rest.AddUserAgent(rest.CopyConfig(b.config), name)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("kube-controller-manager: client of %s: %w", name, err)
	}
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("kube-controller-manager: client of %s: %w", name, err)
	}
	return client, objects, nil
}

// as returns what one controller is made of: the environment that all share, with clients of its own.
func (b *built) as(name string) (*built, error) {
	one, env := *b, *b.env
	var err error
	if env.Client, env.Metadata, err = b.clients(name); err != nil {
		return nil, err
	}
	one.env = &env
	return &one, nil
}

// environment makes what controllers share: caches, what kinds there are, and the way of events.
func (b *built) environment(ctx context.Context) (record.EventBroadcaster, error) {
	client, _, err := b.clients("shared-informers")
	if err != nil {
		return nil, err
	}
	sink, _, err := b.clients("events")
	if err != nil {
		return nil, err
	}
	kinds := memory.NewMemCacheClient(client.Discovery())
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(kinds)
	go wait.UntilWithContext(ctx, func(context.Context) { mapper.Reset() }, mapperReset)
	events := record.NewBroadcaster(record.WithContext(ctx))
	events.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: sink.CoreV1().Events("")})
	b.env = &controller.Env{
		Informers: informers.NewSharedInformerFactory(client, 0), Events: events, Clock: clock.RealClock{},
		Discovery: client.Discovery(), Mapper: mapper,
	}
	return events, nil
}
