package config

import "errors"

// discovers reports whether something other than --initial-cluster names the
// first members.
func (c *Config) discovers() bool {
	return c.DiscoverySRV != "" || c.DiscoverySRVName != "" || len(c.Discovery.Endpoints) > 0
}

// checkDiscovery refuses two ways to find the first members, and half of one.
func (c *Config) checkDiscovery() error {
	ways := 0
	for _, given := range []bool{len(c.InitialCluster) > 0, c.DiscoverySRV != "", len(c.Discovery.Endpoints) > 0} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		return ErrConflictingBootstrap
	}
	if (c.Discovery.Token != "") != (len(c.Discovery.Endpoints) > 0) {
		return errors.New("both --discovery-token and --discovery-endpoints must be set")
	}
	return nil
}
