package tlsconfig_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/tlsconfig"
)

// names is a DNS that knows 10.0.0.1 as a.b.example, and names's addresses.
type names map[string][]string

func (names) LookupAddr(_ context.Context, addr string) ([]string, error) {
	if addr == "10.0.0.1" {
		return []string{"a.b.example."}, nil
	}
	return nil, errors.New("no such address")
}

func (n names) LookupHost(_ context.Context, host string) ([]string, error) {
	if addrs, ok := n[host]; ok {
		return addrs, nil
	}
	return nil, errors.New("no such host")
}

func TestCheckAddress(t *testing.T) {
	dns := names{"c.example": {"10.0.0.2", "10.0.0.3"}}
	ip := func(s string) []net.IP { return []net.IP{net.ParseIP(s)} }
	for name, tc := range map[string]struct {
		cert   x509.Certificate
		remote string
		ok     bool
	}{
		"names nothing":           {x509.Certificate{}, "10.0.0.9:1", true},
		"its address":             {x509.Certificate{IPAddresses: ip("10.0.0.1")}, "10.0.0.1:1", true},
		"another address":         {x509.Certificate{IPAddresses: ip("10.0.0.1")}, "10.0.0.2:1", false},
		"reverse entry":           {x509.Certificate{DNSNames: []string{"a.b.example"}}, "10.0.0.1:1", true},
		"reverse entry, wildcard": {x509.Certificate{DNSNames: []string{"*.b.example"}}, "10.0.0.1:1", true},
		"wildcard of no domain":   {x509.Certificate{DNSNames: []string{"*b.example"}}, "10.0.0.1:1", false},
		"address of a name":       {x509.Certificate{DNSNames: []string{"c.example"}}, "10.0.0.3:1", true},
		"no name is its":          {x509.Certificate{DNSNames: []string{"c.example", "x.example"}}, "10.0.0.4:1", false},
		"name saves address":      {x509.Certificate{IPAddresses: ip("10.0.0.9"), DNSNames: []string{"c.example"}}, "10.0.0.2:1", true},
		"no address":              {x509.Certificate{DNSNames: []string{"c.example"}}, "@", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := tlsconfig.CheckAddress(t.Context(), dns, &tc.cert, tc.remote)
			if tc.ok {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, tlsconfig.ErrAddress)
			}
		})
	}
}
