package tlsconfig

import "errors"

var (
	// ErrNoCertificate says that a port asks for TLS and no certificate was
	// given.
	ErrNoCertificate = errors.New("KeyFile and CertFile are not presented")
	// ErrNotAllowed is the refusal of a certificate whose names are not among
	// the allowed ones.
	ErrNotAllowed = errors.New("client certificate authentication failed")
	// ErrRevoked is the refusal of a certificate on the revocation list.
	ErrRevoked = errors.New("the certificate is revoked")
	// ErrAddress is the refusal of a certificate that was not issued for the
	// address it comes from.
	ErrAddress = errors.New("the certificate is not of the address it comes from")
)
