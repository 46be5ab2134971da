package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/server/gateway"
	"github.com/petcd/petcd/server/logging"
)

// proxyListenAddr is where both kinds of proxy listen unless told otherwise.
const proxyListenAddr = "127.0.0.1:23790"

// discoveryFlags find members by DNS.
type discoveryFlags struct {
	srv, srvName string
	insecure     bool
}

func (d *discoveryFlags) register(cmd *cobra.Command, what string) {
	f := cmd.Flags()
	f.StringVar(&d.srv, "discovery-srv", "", what)
	f.StringVar(&d.srvName, "discovery-srv-name", "", "service name to query when using DNS discovery")
	f.BoolVar(&d.insecure, "insecure-discovery", false, "accept insecure SRV records")
}

// discover asks DNS, if a domain was given. Without --insecure-discovery only
// records of ports with TLS count.
func discover(d discoveryFlags, logger *slog.Logger) ([]gateway.Endpoint, error) {
	if d.srv == "" {
		return nil, nil
	}
	found, err := gateway.Discover(d.srv, d.srvName)
	if err != nil {
		return nil, err
	}
	var usable []gateway.Endpoint
	for _, e := range found {
		if !e.Secure && !d.insecure {
			logger.Warn("ignoring discovered insecure endpoint", "endpoint", e.String())
			continue
		}
		usable = append(usable, e)
	}
	logger.Info("discovered cluster from SRV", "srv-server", d.srv, "endpoints", fmt.Sprint(usable))
	return usable, nil
}

// group is a command that only holds others, and shows them.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: name + " <subcommand>", Short: short}
	c.AddCommand(commands...)
	return c
}

// runProxy runs `etcd gateway` or `etcd grpc-proxy` until a signal comes.
func runProxy(args []string, signals <-chan os.Signal, stdout, stderr io.Writer) (int, os.Signal) {
	level := slog.LevelInfo
	if hasFlag(args, "--debug") {
		level = slog.LevelDebug
	}
	logger := slog.New(logging.NewHandler(stderr, level, false))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	root := &cobra.Command{Use: "etcd", SilenceErrors: true, CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}}
	root.AddCommand(gatewayCommand(ctx, logger), grpcProxyCommand(ctx, logger))
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	done := make(chan error, 1)
	go func() { done <- root.Execute() }()
	var sig os.Signal
	var err error
	select {
	case sig = <-signals:
		logger.Info("received signal; shutting down", "signal", sig.String())
		cancel()
		err = <-done
	case err = <-done:
	}
	if err != nil {
		fmt.Fprintln(stderr, "Error:", err)
		return exitFailure, nil
	}
	return exitOK, sig
}

// hasFlag tells whether a switch is among the arguments; the logger is needed
// before they are parsed.
func hasFlag(args []string, name string) bool {
	for _, a := range args {
		if a == name || a == name+"=true" {
			return true
		}
	}
	return false
}
