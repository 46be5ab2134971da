package tlsconfig

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// Resolver is the part of net.Resolver that CheckAddress needs.
type Resolver interface {
	LookupAddr(ctx context.Context, addr string) ([]string, error)
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// CheckAddress refuses a certificate that names addresses or hosts, none of
// which is the one it comes from, so that a stolen certificate is of no use
// elsewhere. A certificate that names none is good everywhere.
func CheckAddress(ctx context.Context, r Resolver, cert *x509.Certificate, remote string) error {
	if len(cert.IPAddresses) == 0 && len(cert.DNSNames) == 0 {
		return nil
	}
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if len(cert.IPAddresses) > 0 {
		if err = cert.VerifyHostname(host); err == nil {
			return nil
		}
		if len(cert.DNSNames) == 0 {
			return fmt.Errorf("%w: %w", ErrAddress, err)
		}
	}
	found, err := isNamed(ctx, r, host, cert.DNSNames)
	if found {
		return nil
	}
	return fmt.Errorf("%w: %q does not match any of DNSNames %q: %w", ErrAddress, host, cert.DNSNames, err)
}

var errNoMatch = errors.New("no name resolves to it")

// isNamed asks the DNS whether an address has one of these names, by its
// reverse entry or by a name's addresses. A name "*.domain" goes by reverse
// entries only.
func isNamed(ctx context.Context, r Resolver, addr string, names []string) (bool, error) {
	reverse, err := r.LookupAddr(ctx, addr)
	for _, found := range reverse {
		found = strings.TrimSuffix(found, ".")
		for _, name := range names {
			if domain, wild := strings.CutPrefix(name, "*"); name == found || wild && strings.HasPrefix(domain, ".") && strings.HasSuffix(found, domain) {
				return true, nil
			}
		}
	}
	for _, name := range names {
		if strings.HasPrefix(name, "*.") {
			continue
		}
		addrs, lookupErr := r.LookupHost(ctx, name)
		if lookupErr != nil {
			err = lookupErr
		}
		if slices.Contains(addrs, addr) {
			return true, nil
		}
	}
	if err == nil {
		err = errNoMatch
	}
	return false, err
}
