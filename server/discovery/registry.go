package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/petcd/petcd/server/config"
)

// registryPrefix is where etcd's registry is.
const registryPrefix = "/_etcd/registry/"

// sizeMax bounds a cluster: far more than Raft is run with.
const sizeMax = 1000

// Registry is one cluster's part of a discovery service:
//
//	/_etcd/registry/<token>/_config/size    how many founders it has
//	/_etcd/registry/<token>/members/<id>    name=peerURL,name=peerURL
type Registry struct {
	client  *clientv3.Client
	token   string
	timeout time.Duration
	logger  *slog.Logger
}

// Dial makes a Registry. It does not wait for the service.
func Dial(d config.Discovery, logger *slog.Logger) (*Registry, error) {
	spec := &clientv3.ConfigSpec{
		Endpoints: d.Endpoints, DialTimeout: d.DialTimeout, KeepAliveTime: d.KeepAliveTime, KeepAliveTimeout: d.KeepAliveTimeout,
		Secure: &clientv3.SecureConfig{
			Cert: d.CertFile, Key: d.KeyFile, Cacert: d.TrustedCAFile,
			InsecureTransport: d.InsecureTransport, InsecureSkipVerify: d.InsecureSkipVerify,
		},
	}
	if d.User != "" {
		user, password, found := strings.Cut(d.User, ":")
		if !found {
			password = d.Password
		}
		spec.Auth = &clientv3.AuthConfig{Username: user, Password: password}
	}
	cfg, err := clientv3.NewClientConfig(spec, zap.NewNop())
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	client, err := clientv3.New(*cfg)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	return &Registry{
		client: client, token: d.Token, timeout: d.RequestTimeout,
		logger: logger.With("discovery-token", d.Token, "discovery-endpoints", d.Endpoints),
	}, nil
}

// Close ends the connection to the service.
func (r *Registry) Close() error { return r.client.Close() }

func (r *Registry) key(rest string) string { return registryPrefix + r.token + "/" + rest }

// founder is one registered member.
type founder struct {
	key      string
	urls     string // name=url,name=url
	revision int64  // of its registration
}

// Join registers this member (id as etcd writes it, urls its name and peer
// URLs) and waits until there are as many as the cluster has. It tries until
// ctx ends.
func (r *Registry) Join(ctx context.Context, id types.ID, urls types.URLsMap) (types.URLsMap, error) {
	own := r.key("members/" + id.String())
	found, size, _, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	if err := mayJoin(found, size, own); err != nil {
		return nil, err
	}
	if err := r.again(ctx, "register member itself", func(ctx context.Context) error {
		_, err := r.client.Put(ctx, own, urls.String())
		return err
	}); err != nil {
		return nil, err
	}
	r.logger.Info("register member itself successfully", "memberKey", own, "memberInfo", urls.String())
	for {
		found, size, revision, err := r.read(ctx)
		if err != nil {
			return nil, err
		}
		if err := mayJoin(found, size, own); err != nil {
			return nil, err
		}
		if len(found) >= size {
			return cluster(found[:size])
		}
		r.logger.Info("waiting for peers from discovery service", "clusterSize", size, "found-peers", len(found))
		r.wait(ctx, revision+1)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// read reads the cluster's size and who is registered, in order of
// registration.
func (r *Registry) read(ctx context.Context) (found []founder, size int, revision int64, err error) {
	err = r.again(ctx, "cluster status check", func(ctx context.Context) error {
		resp, err := r.client.Get(ctx, r.key("_config/size"))
		if err != nil {
			return err
		}
		if len(resp.Kvs) == 0 {
			return permanent{ErrSizeNotFound}
		}
		if size, err = strconv.Atoi(string(resp.Kvs[0].Value)); err != nil || size <= 0 || size > sizeMax {
			return permanent{ErrBadSizeKey}
		}
		list, err := r.client.Get(ctx, r.key("members/"), clientv3.WithPrefix())
		if err != nil {
			return err
		}
		found, revision = nil, list.Header.Revision
		for _, kv := range list.Kvs {
			f := founder{key: string(kv.Key), urls: strings.TrimSpace(string(kv.Value)), revision: kv.CreateRevision}
			if _, err := types.NewURLsMap(f.urls); err != nil || f.urls == "" {
				r.logger.Warn("passed over a peer from discovery service", "memberKey", f.key, "memberInfo", f.urls, "error", ErrInvalidURL)
				continue
			}
			found = append(found, f)
		}
		slices.SortFunc(found, func(a, b founder) int { return cmp.Compare(a.revision, b.revision) })
		return nil
	})
	return found, size, revision, err
}

// mayJoin tells whether a member is one of the first size, or can still be.
func mayJoin(found []founder, size int, own string) error {
	for i, f := range found {
		if i >= size {
			break
		}
		if f.key == own {
			return nil
		}
	}
	if len(found) >= size {
		return ErrFullCluster
	}
	return nil
}

// cluster is what --initial-cluster would say of these members.
func cluster(members []founder) (types.URLsMap, error) {
	texts := make([]string, len(members))
	for i, f := range members {
		texts[i] = f.urls
	}
	m, err := types.NewURLsMap(strings.Join(texts, ","))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidURL, err)
	}
	seen := map[string]bool{}
	for _, urls := range m {
		for _, u := range urls {
			if seen[u.String()] {
				return nil, fmt.Errorf("%w: %s", ErrDuplicate, u.String())
			}
			seen[u.String()] = true
		}
	}
	return m, nil
}

// wait returns once somebody registers at or after a revision, or the watch
// fails, or ctx ends.
func (r *Registry) wait(ctx context.Context, revision int64) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for resp := range r.client.Watch(ctx, r.key("members/"), clientv3.WithPrefix(), clientv3.WithRev(revision)) {
		if len(resp.Events) > 0 || resp.Canceled {
			return
		}
	}
}

// permanent is a failure that trying again cannot mend.
type permanent struct{ error }

// Unwrap gives the failure itself.
func (p permanent) Unwrap() error { return p.error }

// Pauses between tries: doubled from the first to the last.
const (
	pauseMin = time.Second
	pauseMax = 256 * time.Second
)

// again tries until it works or cannot.
func (r *Registry) again(ctx context.Context, what string, try func(context.Context) error) error {
	for pause := pauseMin; ; pause = min(2*pause, pauseMax) {
		tctx, cancel := context.WithTimeout(ctx, r.timeout)
		err := try(tctx)
		cancel()
		var p permanent
		switch {
		case err == nil:
			return nil
		case errors.As(err, &p):
			return p.error
		case ctx.Err() != nil:
			return ctx.Err()
		}
		r.logger.Warn("retry connecting to discovery service", "reason", what, "backoff", pause.String(), "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
