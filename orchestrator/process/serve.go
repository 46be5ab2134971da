package process

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/leaderelection"
	certutil "k8s.io/client-go/util/cert"
	"k8s.io/component-base/metrics/legacyregistry"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // what clients and queues measure
	"k8s.io/component-base/version"
	"k8s.io/klog/v2"
)

// serve opens the port of health and metrics. The returned function closes it.
func (o *Options) serve(watchdog *leaderelection.HealthzAdaptor) (stop func(), err error) {
	if o.Port == 0 {
		return func() {}, nil
	}
	certificate, err := o.certificate()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(o.Address.String(), strconv.Itoa(o.Port)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	server := &http.Server{
		Handler: handler(watchdog), TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() {
		if err := server.ServeTLS(listener, "", ""); err != http.ErrServerClosed {
			klog.ErrorS(err, "Serving health and metrics ended", "program", o.Name)
		}
	}()
	return func() { server.Close() }, nil
}

func handler(watchdog *leaderelection.HealthzAdaptor) http.Handler {
	mux := http.NewServeMux()
	health := func(w http.ResponseWriter, r *http.Request) {
		if err := watchdog.Check(r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, "ok")
	}
	for path := range sets.New("/healthz", "/livez", "/readyz") {
		mux.HandleFunc(path, health)
	}
	mux.Handle("/metrics", legacyregistry.Handler())
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, version.Get()) })
	return mux
}

// certificate is the given one, or one that is made now.
func (o *Options) certificate() (tls.Certificate, error) {
	if o.CertFile != "" {
		c, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return c, fmt.Errorf("%s: %w", o.Name, err)
		}
		return c, nil
	}
	cert, key, err := certutil.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s: self-signed certificate: %w", o.Name, err)
	}
	return tls.X509KeyPair(cert, key)
}
