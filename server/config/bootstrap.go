package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// initialCluster parses --initial-cluster. Left at its default it follows the
// name: "etcd --name=a" is a cluster of a, at a's advertised peer URLs.
func initialCluster(text string, c *Config) (types.URLsMap, error) {
	def := Default()
	if c.Name != DefaultName && text == def.InitialCluster.String() {
		c.clusterFollowsName = true
		return types.URLsMap{c.Name: append(types.URLs(nil), c.AdvertisePeerURLs...)}, nil
	}
	m, err := types.NewURLsMap(text)
	if err != nil {
		return nil, fmt.Errorf("error setting up initial cluster: %w", err)
	}
	return m, nil
}

// VerifyBootstrap checks the initial cluster of a member that founds one:
// itself is in it, at the URLs it advertises, and no URL is there twice.
// Names are resolved as long as ctx allows.
func (c *Config) VerifyBootstrap(ctx context.Context) error {
	if err := c.hasLocalMember(); err != nil {
		return err
	}
	if err := c.advertiseMatchesCluster(ctx); err != nil {
		return err
	}
	if err := c.checkDuplicateURL(); err != nil {
		return err
	}
	if c.InitialCluster.String() == "" {
		return errors.New("initial cluster unset and no discovery endpoints found")
	}
	return nil
}

// VerifyJoin checks the initial cluster of a member that joins one. Its peer
// URLs are already known to the others, so they are not compared.
func (c *Config) VerifyJoin() error {
	if err := c.hasLocalMember(); err != nil {
		return err
	}
	return c.checkDuplicateURL()
}

// hasLocalMember finds this member's name in the initial cluster.
func (c *Config) hasLocalMember() error {
	if c.InitialCluster[c.Name] == nil {
		return fmt.Errorf("couldn't find local name %q in the initial cluster configuration", c.Name)
	}
	return nil
}

// checkDuplicateURL finds one URL given to two members, or twice to one.
func (c *Config) checkDuplicateURL() error {
	seen := map[string]bool{}
	for _, us := range c.InitialCluster {
		for _, u := range us {
			if seen[u.String()] {
				return fmt.Errorf("initial cluster %s has duplicate url", c.InitialCluster)
			}
			seen[u.String()] = true
		}
	}
	return nil
}

// advertiseMatchesCluster compares the advertised peer URLs with those of the
// initial cluster, first as text, then by the addresses their hosts have.
func (c *Config) advertiseMatchesCluster(ctx context.Context) error {
	wanted := c.InitialCluster[c.Name].StringSlice()
	given := types.URLs(c.AdvertisePeerURLs).StringSlice()
	slices.Sort(wanted)
	slices.Sort(given)
	if slices.Equal(wanted, given) {
		return nil
	}
	same, err := sameAddresses(ctx, c.InitialCluster[c.Name], c.AdvertisePeerURLs)
	if same {
		return nil
	}
	if missing := without(wanted, given); len(missing) > 0 {
		for i := range missing {
			missing[i] = c.Name + "=" + missing[i]
		}
		return fmt.Errorf("--initial-cluster has %s but missing from --initial-advertise-peer-urls=%s (%w)",
			strings.Join(missing, ","), strings.Join(given, ","), err)
	}
	own := types.URLsMap{c.Name: c.AdvertisePeerURLs}
	return fmt.Errorf("--initial-advertise-peer-urls has %s but missing from --initial-cluster=%s",
		strings.Join(without(given, wanted), ","), own)
}

// without is a less b.
func without(a, b []string) []string {
	var rest []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

// sameAddresses compares two lists of URLs after resolving their hosts. The
// error tells why they differ.
func sameAddresses(ctx context.Context, a, b []url.URL) (bool, error) {
	if len(a) != len(b) {
		return false, fmt.Errorf("len(%q) != len(%q)", types.URLs(a).StringSlice(), types.URLs(b).StringSlice())
	}
	ra, err := resolved(ctx, a)
	if err != nil {
		return false, err
	}
	rb, err := resolved(ctx, b)
	if err != nil {
		return false, err
	}
	if !slices.Equal(ra, rb) {
		return false, fmt.Errorf("resolved urls: %q != %q", ra, rb)
	}
	return true, nil
}

// resolved is the URLs as text with each host replaced by its first address,
// sorted.
func resolved(ctx context.Context, us []url.URL) ([]string, error) {
	texts := make([]string, 0, len(us))
	for _, u := range us {
		host, port, err := net.SplitHostPort(u.Host)
		if err != nil || net.ParseIP(host) != nil {
			texts = append(texts, u.String())
			continue
		}
		addrs, err := net.DefaultResolver.LookupIP(ctx, "ip", host)
		if err != nil {
			return nil, err
		}
		u.Host = net.JoinHostPort(addrs[0].String(), port)
		texts = append(texts, u.String())
	}
	slices.Sort(texts)
	return texts, nil
}
