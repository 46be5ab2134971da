package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/util/keyutil"
)

// Options say for which cluster certificates are made.
type Options struct {
	Dir        string // of everything
	NodeName   string
	Advertised net.IP // the apiserver's address, and etcd's
	ServiceIP  net.IP // of the Service kubernetes
	DNSDomain  string
	ExtraSANs  []string // further names and addresses of the apiserver

	Life, AuthorityLife time.Duration
}

// Upstream's lives.
const (
	DefaultLife          = 365 * 24 * time.Hour
	DefaultAuthorityLife = 10 * DefaultLife
)

// AdminGroup is the group that kubeadm gives to those who administer a cluster; a binding makes it cluster-admin.
const AdminGroup = "kubeadm:cluster-admins"

// certificate is one that an authority signs.
type certificate struct {
	name, authority string
	subject         Subject
}

// authorities are the names of the authorities, by their common names.
func authorities() map[string]string {
	return map[string]string{"ca": "kubernetes", "front-proxy-ca": "front-proxy-ca", "etcd/ca": "etcd-ca"}
}

// certificates are all that a control plane has.
func (o *Options) certificates() []certificate {
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	server, client := both[:1], both[1:]
	names := []string{
		o.NodeName, "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + o.DNSDomain,
	}
	ips := []net.IP{o.ServiceIP, o.Advertised}
	for _, san := range o.ExtraSANs {
		if ip := net.ParseIP(san); ip != nil {
			ips = append(ips, ip)
		} else {
			names = append(names, san)
		}
	}
	local := []net.IP{o.Advertised, net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	etcd := Subject{Name: o.NodeName, Names: []string{o.NodeName, "localhost"}, IPs: local, Usages: both}
	return []certificate{
		{"apiserver", "ca", Subject{Name: "kube-apiserver", Names: names, IPs: ips, Usages: server}},
		{"apiserver-kubelet-client", "ca", Subject{Name: "kube-apiserver-kubelet-client", Groups: []string{AdminGroup}, Usages: client}},
		{"front-proxy-client", "front-proxy-ca", Subject{Name: "front-proxy-client", Usages: client}},
		{"etcd/server", "etcd/ca", etcd},
		{"etcd/peer", "etcd/ca", etcd},
		{"etcd/healthcheck-client", "etcd/ca", Subject{Name: "kube-etcd-healthcheck-client", Usages: client}},
		{"apiserver-etcd-client", "etcd/ca", Subject{Name: "kube-apiserver-etcd-client", Usages: client}},
	}
}

// Make writes what is missing.
func Make(o Options) error {
	made, err := o.authorities()
	if err != nil {
		return err
	}
	for _, c := range o.certificates() {
		if err := o.leaf(c, made[c.authority]); err != nil {
			return err
		}
	}
	return o.accountKeys()
}

// MakeAuthorities writes the authorities that are missing, before it is known what they shall sign.
func MakeAuthorities(dir string) error {
	_, err := (&Options{Dir: dir, AuthorityLife: DefaultAuthorityLife}).authorities()
	return err
}

func (o *Options) authorities() (map[string]*Pair, error) {
	made := map[string]*Pair{}
	for name, common := range authorities() {
		p, err := o.authority(name, common)
		if err != nil {
			return nil, err
		}
		made[name] = p
	}
	return made, nil
}

// authority returns the authority that is there, or a new one.
func (o *Options) authority(name, common string) (*Pair, error) {
	p, err := Read(o.Dir, name)
	if err != nil || p != nil {
		if p != nil && !p.Cert.IsCA {
			return nil, fmt.Errorf("pki: %s.crt is not an authority's certificate", name)
		}
		return p, err
	}
	if p, err = New(Subject{Name: common, IsCA: true, Life: o.AuthorityLife}, nil); err != nil {
		return nil, err
	}
	return p, p.write(o.Dir, name)
}

// leaf keeps a certificate that its authority signed, and makes one that is missing.
func (o *Options) leaf(c certificate, authority *Pair) error {
	p, err := Read(o.Dir, c.name)
	switch {
	case err != nil:
		return err
	case p != nil && p.Key == nil:
		return fmt.Errorf("pki: %s.crt is there, but not %s.key", c.name, c.name)
	case p != nil:
		if err := p.Cert.CheckSignatureFrom(authority.Cert); err != nil {
			return fmt.Errorf("pki: %s.crt is not signed by %s.crt: %w", c.name, c.authority, err)
		}
		return nil
	case authority.Key == nil:
		return fmt.Errorf("pki: %s.crt is missing, and cannot be made without %s.key", c.name, c.authority)
	}
	c.subject.Life = o.Life
	if p, err = New(c.subject, authority); err != nil {
		return err
	}
	return p.write(o.Dir, c.name)
}

// accountKeys makes the pair that signs and verifies tokens of service accounts.
func (o *Options) accountKeys() error {
	private := filepath.Join(o.Dir, "sa.key")
	if _, err := os.Stat(private); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("pki: sa.key: %w", err)
	}
	text, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return fmt.Errorf("pki: sa.key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("pki: sa.pub: %w", err)
	}
	if err := writeFile(private, text, 0o600); err != nil {
		return err
	}
	return writeFile(filepath.Join(o.Dir, "sa.pub"), pem.EncodeToMemory(&pem.Block{Type: keyutil.PublicKeyBlockType, Bytes: public}), 0o600)
}

// Names are those of all certificates, without ".crt": the authorities' first.
func Names() []string {
	names := slices.Sorted(maps.Keys(authorities()))
	for _, c := range (&Options{}).certificates() {
		names = append(names, c.name)
	}
	return names
}
