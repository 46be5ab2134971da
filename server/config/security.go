package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/tlsutil"
)

// What bcrypt takes as a cost.
const (
	bcryptMin = 4
	bcryptMax = 31
)

// ErrAuthOptions is etcd's complaint about an --auth-token that it cannot read.
var ErrAuthOptions = errors.New("auth: invalid auth options")

// checkSecurity checks what can be known without opening a file.
func (c *Config) checkSecurity() error {
	lowest, err := tlsutil.GetTLSVersion(c.TLSMinVersion)
	if err != nil {
		return err
	}
	highest, err := tlsutil.GetTLSVersion(c.TLSMaxVersion)
	if err != nil {
		return err
	}
	if highest != 0 && lowest > highest {
		return fmt.Errorf("min version (%s) is greater than max version (%s)", c.TLSMinVersion, c.TLSMaxVersion)
	}
	if lowest == tls.VersionTLS13 && len(c.CipherSuites) > 0 {
		return errors.New("cipher suites cannot be configured when only TLS1.3 is enabled")
	}
	if _, err := tlsutil.GetCipherSuites(c.CipherSuites); err != nil {
		return err
	}
	return checkAuthToken(c.AuthToken)
}

// checkAuthToken checks the form of --auth-token: a type, then options that
// are each given once.
func checkAuthToken(text string) error {
	kind, rest, more := strings.Cut(text, ",")
	if kind != "simple" && kind != "jwt" {
		return fmt.Errorf("--auth-token=%s: unknown type %q: %w", text, kind, ErrAuthOptions)
	}
	seen := map[string]bool{}
	for more {
		var option string
		option, rest, more = strings.Cut(rest, ",")
		name, val, found := strings.Cut(option, "=")
		if !found || strings.Contains(val, "=") || seen[name] {
			return fmt.Errorf("--auth-token: option %q: %w", name, ErrAuthOptions)
		}
		seen[name] = true
	}
	return nil
}
