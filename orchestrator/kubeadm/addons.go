package kubeadm

import (
	"context"

	dnsmanifest "github.com/petcd/petcd/orchestrator/dns/manifest"
	networkmanifest "github.com/petcd/petcd/orchestrator/kubelet/podnetwork/manifest"
)

// addonNetwork lets kubelets see each other's pod ranges, which they make routes to.
func (r *initRun) addonNetwork(ctx context.Context) error {
	return r.apply.apply(ctx, networkmanifest.Objects()...)
}

// addonDNS gives Services names.
func (r *initRun) addonDNS(ctx context.Context) error {
	ip, err := r.serviceIP(10)
	if err != nil {
		return err
	}
	objects := dnsmanifest.Objects(dnsmanifest.Options{Image: r.image("cluster-dns"), ClusterIP: ip.String(), Domain: r.DNSDomain})
	if err := r.apply.apply(ctx, objects...); err != nil {
		return err
	}
	r.say("[addons] Applied essential addon: cluster-dns")
	return nil
}
