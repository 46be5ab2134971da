package v2

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	client "go.etcd.io/etcd/client/v2"
)

// dialTimeout is how long a connection may take when --total-timeout leaves
// more.
const dialTimeout = 30 * time.Second

// keys opens the client and returns its API for keys.
func (c *ctl) keys() (client.KeysAPI, error) {
	cl, err := c.connect()
	if err != nil {
		return nil, err
	}
	return client.NewKeysAPI(cl), nil
}

// connect opens a client for the endpoints and, but for --no-sync, goes on with
// those that the cluster's members publish. A command calls it once its
// arguments are known to be right (C2).
func (c *ctl) connect() (client.Client, error) {
	cl, err := c.open()
	if err != nil {
		return nil, err
	}
	if !c.flags.noSync {
		if err := c.sync(cl); err != nil {
			return nil, err
		}
	}
	c.debugf("Cluster-Endpoints: %s\n", strings.Join(cl.Endpoints(), ", "))
	return cl, nil
}

// connectAsGiven opens a client for the endpoints as they were given, whatever
// the members publish.
func (c *ctl) connectAsGiven() (client.Client, error) {
	cl, err := c.open()
	if err != nil {
		return nil, err
	}
	c.debugf("Cluster-Endpoints: %s\n", strings.Join(cl.Endpoints(), ", "))
	return cl, nil
}

// sync replaces the endpoints by those that the members publish. It fails when
// there are none, or when no endpoint can be reached; another failure is left to
// the request to find.
func (c *ctl) sync(cl client.Client) error {
	endpoints := strings.Join(cl.Endpoints(), ",")
	c.debugf("start to sync cluster using endpoints(%s)\n", endpoints)
	ctx, cancel := c.context()
	defer cancel()
	err := cl.Sync(ctx)
	switch {
	case errors.Is(err, client.ErrNoEndpoints):
		fmt.Fprintf(c.Stderr, "etcd cluster has no published client endpoints.\n"+
			"Try '--no-sync' if you want to access non-published client endpoints(%s).\n", endpoints)
		return fail(exitServerError, err)
	case unreachable(err):
		return fail(exitBadConnection, err)
	}
	c.debugf("got endpoints(%s) after sync\n", strings.Join(cl.Endpoints(), ","))
	return nil
}

// open makes a client from the global flags. It connects to nothing yet.
func (c *ctl) open() (client.Client, error) {
	endpoints, err := c.endpoints()
	if err != nil {
		return nil, plain(err)
	}
	tr, err := c.transport()
	if err != nil {
		return nil, plain(err)
	}
	username, password, err := c.credentials()
	if err != nil {
		return nil, plain(err)
	}
	if c.flags.debug {
		client.EnablecURLDebug()
	}
	cl, err := client.New(client.Config{
		Transport:               tr,
		Endpoints:               endpoints,
		HeaderTimeoutPerRequest: c.flags.timeout,
		Username:                username,
		Password:                password,
	})
	if err != nil {
		return nil, plain(err)
	}
	return cl, nil
}

// transport speaks HTTP with the certificates that the flags name.
func (c *ctl) transport() (*http.Transport, error) {
	info := transport.TLSInfo{CertFile: c.flags.certFile, KeyFile: c.flags.keyFile, TrustedCAFile: c.flags.caFile}
	if !c.flags.insecureDiscovery {
		info.ServerName = c.flags.srvDomain // who was found by a domain has to have a certificate for it
	}
	timeout := dialTimeout
	if total := c.flags.totalTimeout; total != 0 {
		timeout = min(timeout, total)
	}
	return transport.NewTransport(info, timeout)
}

// credentials are the user's name and password, which is asked for, once, if it
// is not given with the name.
func (c *ctl) credentials() (username, password string, err error) {
	if c.flags.username == "" {
		return "", "", nil
	}
	username, password, given := strings.Cut(c.flags.username, ":")
	if !given {
		if password, err = c.askPassword("Password: "); err != nil {
			return "", "", err
		}
		c.flags.username += ":" + password
	}
	return username, password, nil
}

// context lasts as long as the command may take.
func (c *ctl) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), c.flags.totalTimeout)
}

// debugf writes to standard error with --debug.
func (c *ctl) debugf(format string, a ...any) {
	if c.flags.debug {
		fmt.Fprintf(c.Stderr, format, a...)
	}
}

// unreachable tells whether err, which may be nil, is one of the connection:
// with several endpoints, whether each one's is.
func unreachable(err error) bool {
	var all *client.ClusterError
	if errors.As(err, &all) {
		for _, one := range all.Errors {
			if !unreachable(one) {
				return false
			}
		}
		return true
	}
	var op *net.OpError
	if errors.As(err, &op) && (op.Op == "dial" || op.Op == "read") {
		return true
	}
	var timed net.Error
	return errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &timed) && timed.Timeout()
}
