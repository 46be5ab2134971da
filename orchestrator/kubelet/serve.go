package kubelet

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"

	"github.com/petcd/petcd/orchestrator/kubelet/server"
)

// serve serves logs, exec and the like on the kubelet's port, and what is harmless on the read-only port.
func (k *kubelet) serve(ctx context.Context) error {
	if !*k.c.EnableServer {
		return nil
	}
	o := server.Options{
		NodeName: k.name, Pods: k.workers, Runtime: k.runtime, Images: k.images, RootDir: k.o.RootDir, Healthy: k.health.healthy,
		Metrics: legacyregistry.Handler(),
	}
	if k.c.ReadOnlyPort != 0 {
		if err := k.serveHTTP(ctx, k.c.Address, k.c.ReadOnlyPort, readOnly(server.New(o).Handler())); err != nil {
			return err
		}
	}
	if k.client == nil && k.c.Authorization.Mode != kubeletconfig.KubeletAuthorizationModeAlwaysAllow {
		klog.FromContext(ctx).Info("Not serving on the kubelet's port: alone it can ask nobody who may do what", "port", k.c.Port)
		return nil
	}
	delegation := &server.Delegation{
		Client: k.client, ClientCAFile: k.c.Authentication.X509.ClientCAFile, Anonymous: *k.c.Authentication.Anonymous.Enabled,
		Tokens:      *k.c.Authentication.Webhook.Enabled && k.client != nil,
		AlwaysAllow: k.c.Authorization.Mode == kubeletconfig.KubeletAuthorizationModeAlwaysAllow,
		TokenTTL:    k.c.Authentication.Webhook.CacheTTL.Duration, AllowTTL: k.c.Authorization.Webhook.CacheAuthorizedTTL.Duration,
		DenyTTL: k.c.Authorization.Webhook.CacheUnauthorizedTTL.Duration,
	}
	var err error
	if o.Authenticator, o.Authorizer, err = delegation.New(ctx); err != nil {
		return err
	}
	if o.TLS, err = k.tls(); err != nil {
		return err
	}
	o.LogDir = filepath.Dir(k.c.PodLogsDir)
	listener, err := net.Listen("tcp", net.JoinHostPort(k.c.Address, strconv.Itoa(int(k.c.Port))))
	if err != nil {
		return err
	}
	k.run(func() {
		if err := server.New(o).Serve(ctx, listener); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Serving ended", "port", k.c.Port)
		}
	})
	return nil
}

// readOnly lets through what changes nothing and shows no container's output.
func readOnly(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/healthz", "/metrics", "/pods", "/stats/", "/spec/"} {
		mux.Handle("GET "+path, h)
	}
	return mux
}

// tls is how the port is served: by the certificate given, or one of the kubelet's own.
func (k *kubelet) tls() (*tls.Config, error) {
	certFile, keyFile := k.c.TLSCertFile, k.c.TLSPrivateKeyFile
	if certFile == "" {
		certFile, keyFile = filepath.Join(k.o.CertDir, "kubelet.crt"), filepath.Join(k.o.CertDir, "kubelet.key")
		if err := k.selfSign(certFile, keyFile); err != nil {
			return nil, err
		}
	}
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("serving certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}

// selfSign makes a certificate for this node, unless there is one that is valid for its addresses.
func (k *kubelet) selfSign(certFile, keyFile string) error {
	if k.serves(certFile, keyFile) {
		return nil
	}
	cert, key, err := certutil.GenerateSelfSignedCertKey(k.name, k.ips, nil)
	if err != nil {
		return fmt.Errorf("self-signed certificate: %w", err)
	}
	if err := certutil.WriteCert(certFile, cert); err != nil {
		return err
	}
	return keyutil.WriteKey(keyFile, key)
}

// serves says whether a certificate is there and valid for the node.
func (k *kubelet) serves(certFile, keyFile string) bool {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil || pair.Leaf == nil || time.Now().After(pair.Leaf.NotAfter) || pair.Leaf.VerifyHostname(k.name) != nil {
		return false
	}
	for _, ip := range k.ips {
		if pair.Leaf.VerifyHostname(ip.String()) != nil {
			return false
		}
	}
	return true
}
