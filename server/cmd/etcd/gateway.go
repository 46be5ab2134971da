package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/server/gateway"
)

// gatewayFlags are those of `etcd gateway start`.
type gatewayFlags struct {
	listenAddr    string
	discovery     discoveryFlags
	endpoints     []string
	trustedCAFile string
	retryDelay    time.Duration
}

// gatewayCommand is `etcd gateway`.
func gatewayCommand(ctx context.Context, logger *slog.Logger) *cobra.Command {
	var g gatewayFlags
	start := &cobra.Command{
		Use: "start", Short: "start the gateway", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			c.SilenceUsage = true // what fails from here on is no matter of usage
			return g.run(ctx, logger)
		},
	}
	f := start.Flags()
	f.StringVar(&g.listenAddr, "listen-addr", proxyListenAddr, "listen address")
	g.discovery.register(start, "DNS domain used to bootstrap initial cluster")
	f.StringSliceVar(&g.endpoints, "endpoints", []string{"127.0.0.1:2379"}, "comma separated etcd cluster endpoints")
	f.StringVar(&g.trustedCAFile, "trusted-ca-file", "", "path to the CA file that the endpoints are verified with, before every connection")
	f.DurationVar(&g.retryDelay, "retry-delay", time.Minute, "duration of delay before retrying failed endpoints")
	return group("gateway", "gateway related command", start)
}

// run passes connections on until ctx ends.
func (g *gatewayFlags) run(ctx context.Context, logger *slog.Logger) error {
	endpoints, err := g.members(logger)
	if err != nil {
		return err
	}
	if err := gateway.CheckNotSelf(ctx, net.DefaultResolver, g.listenAddr, endpoints); err != nil {
		return err
	}
	verify, err := g.verifier()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", g.listenAddr)
	if err != nil {
		return err
	}
	logger.Info("ready to proxy client requests", "address", l.Addr().String(), "endpoints", fmt.Sprint(endpoints))
	notifyInit(logger)
	return gateway.New(gateway.Options{Endpoints: endpoints, RetryDelay: g.retryDelay, Verify: verify, Logger: logger}).Serve(ctx, l)
}

// members are the endpoints that DNS names, or those of the flag.
func (g *gatewayFlags) members(logger *slog.Logger) ([]gateway.Endpoint, error) {
	found, err := discover(g.discovery, logger)
	if err != nil || len(found) > 0 {
		return found, err
	}
	found, err = gateway.ParseEndpoints(g.endpoints)
	if err == nil && len(found) == 0 {
		err = errors.New("no endpoints found")
	}
	return found, err
}

// verifier is nil when members are not to be verified.
func (g *gatewayFlags) verifier() (*gateway.Verifier, error) {
	if g.trustedCAFile == "" && (g.discovery.srv == "" || g.discovery.insecure) {
		return nil, nil
	}
	v := &gateway.Verifier{ServerName: strings.TrimSuffix(g.discovery.srv, ".")}
	if g.trustedCAFile == "" {
		return v, nil
	}
	pem, err := os.ReadFile(g.trustedCAFile)
	if err != nil {
		return nil, err
	}
	v.Roots = x509.NewCertPool()
	if !v.Roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it", g.trustedCAFile)
	}
	return v, nil
}
