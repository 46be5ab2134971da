package server

import (
	"context"
	"errors"
	"net"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/server/discovery"
	"github.com/petcd/petcd/server/membership"
)

// discoverer finds the founders as the flags say; nil when they name them.
func (s *Server) discoverer() func(context.Context) (types.URLsMap, error) {
	switch {
	case len(s.cfg.Discovery.Endpoints) > 0:
		// The registry's token is the cluster's, too: both make ids.
		s.cfg.InitialClusterToken = s.cfg.Discovery.Token
		return s.fromRegistry
	case s.cfg.DiscoverySRV != "":
		return s.fromDNS
	}
	return nil
}

// fromDNS asks the domain's SRV records.
func (s *Server) fromDNS(ctx context.Context) (types.URLsMap, error) {
	c := &s.cfg
	found, err := discovery.FromDNS(ctx, net.DefaultResolver, c.DiscoverySRV, c.DiscoverySRVName, c.Name, c.AdvertisePeerURLs)
	if err == nil {
		s.logger.Info("got bootstrap from DNS for etcd-server", "discovery-srv", c.DiscoverySRV, "found-cluster", found.String())
	}
	return found, err
}

// fromRegistry registers this member and waits for the others.
func (s *Server) fromRegistry(ctx context.Context) (found types.URLsMap, err error) {
	own := types.URLsMap{s.cfg.Name: s.cfg.AdvertisePeerURLs}
	_, founders, err := membership.Found(own, s.cfg.InitialClusterToken)
	if err != nil {
		return nil, err
	}
	r, err := discovery.Dial(s.cfg.Discovery, s.logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := r.Close(); cerr != nil && !errors.Is(cerr, context.Canceled) {
			err = errors.Join(err, cerr)
		}
	}()
	return r.Join(ctx, types.ID(founders[0].ID), own)
}
