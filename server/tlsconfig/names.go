package tlsconfig

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
)

// versionOf reads a TLS version as flags write it; 0 leaves it to Go.
func versionOf(name string) (uint16, error) {
	switch name {
	case "":
		return 0, nil
	case "TLS1.2":
		return tls.VersionTLS12, nil
	case "TLS1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("unexpected TLS version %q (must be one of: TLS1.2, TLS1.3)", name)
}

// oldNames are cipher suites by the names that Go gave them once.
var oldNames = map[string]uint16{
	"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
}

// suitesOf reads names of cipher suites. Those with known weaknesses are
// refused, which etcd does not do.
func suitesOf(names []string) ([]uint16, error) {
	var ids []uint16
	for _, name := range names {
		named := func(s *tls.CipherSuite) bool { return s.Name == name }
		all := tls.CipherSuites()
		id, old := oldNames[name]
		i := slices.IndexFunc(all, named)
		switch {
		case old:
		case i >= 0:
			id = all[i].ID
		case slices.ContainsFunc(tls.InsecureCipherSuites(), named):
			return nil, fmt.Errorf("TLS cipher suite %q has known weaknesses and is refused", name)
		default:
			return nil, fmt.Errorf("unexpected TLS cipher suite %q", name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// limits are the versions and cipher suites that flags ask for, as a
// configuration that has nothing else.
func limits(minVersion, maxVersion string, suites []string) (*tls.Config, error) {
	least, err := versionOf(minVersion)
	if err != nil {
		return nil, err
	}
	most, err := versionOf(maxVersion)
	if err != nil {
		return nil, err
	}
	if most != 0 && least > most {
		return nil, fmt.Errorf("min version (%s) is greater than max version (%s)", minVersion, maxVersion)
	}
	if least == tls.VersionTLS13 && len(suites) > 0 {
		return nil, errors.New("cipher suites cannot be configured when only TLS1.3 is enabled")
	}
	ids, err := suitesOf(suites)
	if err != nil {
		return nil, err
	}
	if least == 0 {
		least = tls.VersionTLS12
	}
	return &tls.Config{MinVersion: least, MaxVersion: most, CipherSuites: ids, SessionTicketsDisabled: true}, nil // I2
}
