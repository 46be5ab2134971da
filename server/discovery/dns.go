package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// Resolver is DNS; net.Resolver is one.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// peerService is the SRV service of peer ports.
const peerService = "etcd-server"

// FromDNS reads the founders from a domain's SRV records: _etcd-server-ssl for
// https, _etcd-server for http, with a suffix if one is given. The record that
// is one of the advertised peer URLs' gets this member's name, the others are
// numbered: names matter to nobody else.
func FromDNS(ctx context.Context, r Resolver, domain, suffix, name string, advertised []url.URL) (types.URLsMap, error) {
	own, err := ownAddresses(ctx, r, advertised)
	if err != nil {
		return nil, err
	}
	var texts []string
	var errs error
	for _, scheme := range []string{"https", "http"} {
		service := serviceName(scheme, suffix)
		found, err := founders(ctx, r, scheme, service, domain, name, own, len(texts))
		if err != nil {
			errs = errors.Join(errs, fmt.Errorf("error querying DNS SRV records for _%s %w", service, err))
			continue
		}
		texts = append(texts, found...)
	}
	if len(texts) == 0 {
		return nil, errs
	}
	m, err := types.NewURLsMap(strings.Join(texts, ","))
	if err != nil {
		return nil, fmt.Errorf("discovery: SRV records of %s: %w", domain, err)
	}
	if m[name] == nil {
		return nil, fmt.Errorf("%w: %q", ErrNotInRecords, name)
	}
	return m, nil
}

func serviceName(scheme, suffix string) string {
	service := peerService
	if scheme == "https" {
		service += "-ssl"
	}
	if suffix != "" {
		service += "-" + suffix
	}
	return service
}

// ownAddresses are the addresses that the advertised URLs stand for, each with
// its URL's scheme.
func ownAddresses(ctx context.Context, r Resolver, advertised []url.URL) (map[string]string, error) {
	own := map[string]string{}
	for _, u := range advertised {
		host, port, err := net.SplitHostPort(u.Host)
		if err != nil {
			return nil, fmt.Errorf("discovery: advertised peer URL %s: %w", u.String(), err)
		}
		addrs, err := addresses(ctx, r, host)
		if err != nil {
			return nil, fmt.Errorf("discovery: advertised peer URL %s: %w", u.String(), err)
		}
		for _, a := range addrs {
			own[net.JoinHostPort(a, port)] = u.Scheme
		}
	}
	return own, nil
}

func addresses(ctx context.Context, r Resolver, host string) ([]string, error) {
	if net.ParseIP(host) != nil {
		return []string{host}, nil
	}
	return r.LookupHost(ctx, host)
}

// founders are one service's records as "name=url"; numbers begin at first.
func founders(ctx context.Context, r Resolver, scheme, service, domain, name string, own map[string]string, first int) ([]string, error) {
	_, records, err := r.LookupSRV(ctx, service, "tcp", domain)
	if err != nil {
		return nil, err
	}
	var texts []string
	var skipped error
	for _, rec := range records {
		host, port := strings.TrimSuffix(rec.Target, "."), strconv.Itoa(int(rec.Port))
		addrs, err := addresses(ctx, r, host)
		if err != nil {
			skipped = errors.Join(skipped, err)
			continue
		}
		address := scheme + "://" + net.JoinHostPort(host, port)
		member := strconv.Itoa(first + len(texts))
		i := slices.IndexFunc(addrs, func(a string) bool { return own[net.JoinHostPort(a, port)] != "" })
		if i >= 0 {
			if have := own[net.JoinHostPort(addrs[i], port)]; have != scheme {
				skipped = errors.Join(skipped, fmt.Errorf("bootstrap at %s from DNS for %s has scheme mismatch with expected peer scheme %s", address, service, have))
				continue
			}
			member = name
		}
		texts = append(texts, member+"="+address)
	}
	if len(texts) == 0 {
		return nil, errors.Join(skipped, fmt.Errorf("no usable record of %s", domain))
	}
	return texts, nil
}
