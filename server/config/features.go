package config

import "time"

// TLS is what the files and rules of one kind of port are.
type TLS struct {
	CertFile, KeyFile string
	// ClientCertFile and ClientKeyFile are shown by the connections that this member opens itself; empty means CertFile and
	// KeyFile.
	ClientCertFile, ClientKeyFile string
	// ClientCertAuth demands a certificate that TrustedCAFile vouches for.
	ClientCertAuth bool
	TrustedCAFile  string
	CRLFile        string
	// AllowedCNs (peers only) and AllowedHostnames are who may come with a certificate; empty means everybody who has one.
	AllowedCNs       []string
	AllowedHostnames []string
	// Auto makes a self-signed certificate when no files are given.
	Auto bool
	// SkipClientSANVerification (peers only) leaves the addresses in a peer's certificate unchecked.
	SkipClientSANVerification bool
}

// Discovery is how to find the first members through another etcd cluster.
type Discovery struct {
	Token              string
	Endpoints          []string
	DialTimeout        time.Duration
	RequestTimeout     time.Duration
	KeepAliveTime      time.Duration
	KeepAliveTimeout   time.Duration
	InsecureTransport  bool
	InsecureSkipVerify bool
	CertFile, KeyFile  string
	TrustedCAFile      string
	User, Password     string
}

// Tracing is where OpenTelemetry spans go.
type Tracing struct {
	Enabled     bool
	Address     string
	ServiceName string
	InstanceID  string
	// SamplingRate is how many of a million requests are traced.
	SamplingRate int
}
