package app

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/dns"
)

// Run answers questions until ctx ends, and for the time of a lame duck after that.
func (o *Options) Run(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("cluster-dns: %w", err)
	}
	return o.serve(ctx, client)
}

func (o *Options) serve(ctx context.Context, client kubernetes.Interface) error {
	servers, err := dns.ParseForward(o.Forward, o.self)
	if err != nil {
		return fmt.Errorf("cluster-dns: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})) // into a new one
	metrics, err := dns.NewMetrics(registry)
	if err != nil {
		return fmt.Errorf("cluster-dns: %w", err)
	}
	index := dns.NewIndex(uint32(time.Now().Unix())) // so that the serial grows over restarts as well
	factory := informers.NewSharedInformerFactory(client, 0)
	synced, err := dns.Watch(index, factory)
	if err != nil {
		return fmt.Errorf("cluster-dns: %w", err)
	}
	handler := &dns.Handler{
		Zone: &dns.Zone{
			Name: o.zone(), Index: index, Pods: o.Pods == podsInsecure,
			TTL: uint32(o.TTL.Seconds()), NegativeTTL: uint32(o.Negative.Seconds()),
		},
		Forward: dns.NewForwarder(servers), Synced: synced, Metrics: metrics,
	}

	watching, stop := context.WithCancel(context.WithoutCancel(ctx)) // what is said stays true for a lame duck, too
	defer factory.Shutdown()
	defer stop()
	factory.Start(watching.Done())
	server, err := dns.Listen(o.at(o.Port), handler)
	if err != nil {
		return fmt.Errorf("cluster-dns: %w", err)
	}
	server.Start()
	defer server.Stop()
	ready := &readiness{synced: synced}
	pages, err := o.pages(ready, registry)
	if err != nil {
		return err
	}
	defer pages.stop()
	klog.FromContext(ctx).Info("Answering", "address", server.Addr(), "zone", o.zone(), "forward", servers)

	probed := make(chan struct{})
	go func() { handler.Forward.Probe(ctx); close(probed) }()
	defer func() { <-probed }()
	select {
	case err := <-server.Failed():
		return err
	case <-ctx.Done():
	}
	ready.ending.Store(true)
	select {
	case err := <-server.Failed():
		return err
	case <-o.clock.After(o.LameDuck):
		return nil
	}
}
