package config

import (
	"net"
	"net/url"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// AdvertiseHost puts this machine's address into advertised URLs that were
// left at localhost, where the member listens on every IPv4 address: nobody
// else could reach it otherwise. It reports whether it changed one.
func (c *Config) AdvertiseHost(host string) bool {
	own := types.URLsMap{c.Name: c.AdvertisePeerURLs}.String()
	peers := replaceLocalhost(&c.AdvertisePeerURLs, c.ListenPeerURLs, defaultPeerURL, host)
	clients := replaceLocalhost(&c.AdvertiseClientURLs, c.ListenClientURLs, defaultClientURL, host)
	if peers && c.clusterFollowsName && c.InitialCluster.String() == own {
		c.InitialCluster = types.URLsMap{c.Name: append(types.URLs(nil), c.AdvertisePeerURLs...)}
	}
	return peers || clients
}

// replaceLocalhost replaces one default URL; the port is the listener's.
func replaceLocalhost(advertised *[]url.URL, listen []url.URL, def, host string) bool {
	if len(*advertised) != 1 || (*advertised)[0].String() != def || len(listen) == 0 || listen[0].Hostname() != "0.0.0.0" {
		return false
	}
	*advertised = []url.URL{{Scheme: (*advertised)[0].Scheme, Host: net.JoinHostPort(host, listen[0].Port())}}
	return true
}
