package v3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/client/pkg/v3/logutil"
	"go.etcd.io/etcd/client/pkg/v3/srv"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/grpclog"

	"github.com/petcd/petcd/etcdctl/printer"
)

// connect completes the flags from the environment and opens a client with
// them. A command calls it once its arguments are known to be right (C2).
// Opening does not wait for a server; the first request does.
func (c *ctl) connect(cmd *cobra.Command) (*clientv3.Client, error) {
	spec, err := c.clientSpec(cmd)
	if err != nil {
		return nil, err
	}
	return c.open(spec)
}

// request connects, sends one request within the time for a short command and
// prints its reply.
func (c *ctl) request(cmd *cobra.Command, send func(ctx context.Context, cli *clientv3.Client) (reply any, err error)) error {
	cli, err := c.connect(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := c.commandContext()
	defer cancel()
	reply, err := send(ctx, cli)
	if err != nil {
		return err
	}
	return c.show.Print(reply)
}

// open opens a client that lives until the run ends.
func (c *ctl) open(spec *clientv3.ConfigSpec) (*clientv3.Client, error) {
	cfg, err := clientConfig(spec)
	if err != nil {
		return nil, err
	}
	cli, err := clientv3.New(*cfg)
	if err != nil {
		return nil, badConnection(err)
	}
	c.opened = append(c.opened, cli)
	return cli, nil
}

// clientConfig reads the certificates spec names.
func clientConfig(spec *clientv3.ConfigSpec) (*clientv3.Config, error) {
	cfg, err := clientv3.NewClientConfig(spec, zap.NewNop())
	if err != nil {
		return nil, &exit{exitBadArgs, err}
	}
	return cfg, nil
}

// clientLogger is where client/v3 tells about the connection, on standard
// error and in etcd's form.
func clientLogger() (*zap.Logger, error) { return logutil.CreateDefaultZapLogger(zap.InfoLevel) }

// clientSpec is what the global flags and variables say about the connection.
// It also makes the printer, since the format is known only now.
func (c *ctl) clientSpec(cmd *cobra.Command) (*clientv3.ConfigSpec, error) {
	fs := cmd.InheritedFlags()
	if err := c.setFromEnv(fs); err != nil {
		return nil, err
	}
	c.setDebug(fs)
	endpoints, err := c.endpoints()
	if err != nil {
		return nil, err
	}
	secure, err := c.secure(fs)
	if err != nil {
		return nil, err
	}
	auth, err := c.credentials(c.flags.user, c.flags.password, c.flags.token, "Password: ")
	if err != nil {
		return nil, err
	}
	if c.show, err = c.newPrinter(false); err != nil {
		return nil, err
	}
	return &clientv3.ConfigSpec{
		Endpoints:          endpoints,
		DialTimeout:        c.flags.dialTimeout,
		KeepAliveTime:      c.flags.keepAliveTime,
		KeepAliveTimeout:   c.flags.keepAliveTimeout,
		MaxCallSendMsgSize: c.flags.maxRequestBytes,
		MaxCallRecvMsgSize: c.flags.maxRecvBytes,
		Secure:             secure,
		Auth:               auth,
	}, nil
}

func (c *ctl) newPrinter(valueOnly bool) (printer.Printer, error) {
	return printer.New(c.flags.format, printer.Options{
		Hex: c.flags.hex, ValueOnly: valueOnly, Out: c.Stdout, Err: c.Stderr,
	})
}

// commandContext ends when the time for a short command is over.
func (c *ctl) commandContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), c.flags.commandTimeout)
}

// setDebug makes gRPC tell what it does and lists the flags in effect.
func (c *ctl) setDebug(fs *pflag.FlagSet) {
	if !c.flags.debug {
		grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, c.Stderr))
		return
	}
	grpclog.SetLoggerV2(grpclog.NewLoggerV2WithVerbosity(c.Stderr, c.Stderr, c.Stderr, 4))
	fs.VisitAll(func(f *pflag.Flag) {
		fmt.Fprintf(c.Stderr, "%s=%v\n", variableOf(f.Name), f.Value)
	})
}

// endpoints are those of the SRV records if a domain was given and has some,
// else those of --endpoints.
func (c *ctl) endpoints() ([]string, error) {
	var found []string
	if c.flags.discoverySRV != "" {
		records, err := srv.GetClient("etcd-client", c.flags.discoverySRV, c.flags.discoverySRVName)
		if err != nil {
			return nil, err
		}
		for _, e := range records.Endpoints {
			if !c.flags.insecureDiscovery && strings.HasPrefix(e, "http://") {
				fmt.Fprintf(c.Stderr, "ignoring discovered insecure endpoint %q\n", e)
				continue
			}
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		for _, e := range c.flags.endpoints {
			found = append(found, strings.TrimSpace(e))
		}
	}
	return found, nil
}

func (c *ctl) secure(fs *pflag.FlagSet) (*clientv3.SecureConfig, error) {
	for _, name := range []string{"cert", "key", "cacert"} {
		if f := fs.Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
			return nil, badArgs("empty string is passed to --%s option", name)
		}
	}
	s := &clientv3.SecureConfig{
		Cert:               c.flags.cert,
		Key:                c.flags.key,
		Cacert:             c.flags.cacert,
		InsecureTransport:  c.flags.insecureTransport,
		InsecureSkipVerify: c.flags.insecureSkipVerify,
	}
	if !c.flags.insecureDiscovery {
		s.ServerName = c.flags.discoverySRV
	}
	return s, nil
}

// credentials are nil unless a user or a token was given. A user without a
// password is asked for it.
func (c *ctl) credentials(user, password, token, prompt string) (*clientv3.AuthConfig, error) {
	switch {
	case token != "":
		return &clientv3.AuthConfig{Token: token}, nil
	case user == "":
		return nil, nil
	case password != "":
		return &clientv3.AuthConfig{Username: user, Password: password}, nil
	}
	name, password, found := strings.Cut(user, ":")
	if !found {
		var err error
		if password, err = c.askPassword(prompt); err != nil {
			return nil, err
		}
	}
	return &clientv3.AuthConfig{Username: name, Password: password}, nil
}

// errNoInput says that a value was neither given nor to be read.
var errNoInput = errors.New("no available argument and stdin")

// argOrInput is the i-th argument or, if there are fewer, all of the input.
func argOrInput(args []string, i int, in io.Reader) (string, error) {
	if i < len(args) {
		return args[i], nil
	}
	b, err := io.ReadAll(in)
	if err != nil || len(b) == 0 {
		return "", errNoInput
	}
	return string(b), nil
}

// serializable reads --consistency.
func serializable(consistency string) (bool, error) {
	switch consistency {
	case "l":
		return false, nil
	case "s":
		return true, nil
	}
	return false, badFeature("unknown consistency flag %q", consistency)
}
