package process

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Config says what cluster to run.
type Config struct {
	Binary  string   // the server; see Locate
	Members int      // 0 means 1
	Root    string   // folder for data and logs; made if it is not there
	Flags   []string // for every member, after the flags New writes
	Env     []string // NAME=value, added to this process's environment without its ETCD_ variables
	Token   string   // initial cluster token; empty means "process"
	// MemberFlags adds flags for the i-th member; may be nil.
	MemberFlags func(i int) []string
	// AdvertisePeer returns what other members dial in place of listenURL, for
	// a proxy between members; may be nil.
	AdvertisePeer func(name, listenURL string) string
	// ClientTLS makes the client URLs https and is what the members' health is
	// asked with; PeerTLS makes the peer URLs https. The flags that name the
	// certificates are the caller's, in Flags or MemberFlags.
	ClientTLS *tls.Config
	PeerTLS   bool
}

// Cluster is a set of members that were configured together, and those that
// joined later.
type Cluster struct {
	cfg Config

	mu      sync.Mutex
	members []*Member
}

// New chooses ports and folders and starts nothing.
func New(cfg Config) (*Cluster, error) {
	if cfg.Members == 0 {
		cfg.Members = 1
	}
	if cfg.Token == "" {
		cfg.Token = "process"
	}
	if _, err := os.Stat(cfg.Binary); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBinary, err)
	}
	c := &Cluster{cfg: cfg}
	for range cfg.Members {
		m, err := c.reserve()
		if err != nil {
			return nil, err
		}
		c.members = append(c.members, m)
	}
	for i, m := range c.members {
		m.flags = c.flagsFor(i, m, "new")
	}
	return c, nil
}

// Start is New, a start of every member and WaitHealthy; on an error nothing
// is left running.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	c, err := New(cfg)
	if err != nil {
		return nil, err
	}
	err = c.StartAll()
	if err == nil {
		err = c.WaitHealthy(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Grow reserves one more member that will join the running cluster. The caller
// announces its AdvertisePeerURL (MemberAdd) and then starts it.
func (c *Cluster) Grow() (*Member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := c.reserve()
	if err != nil {
		return nil, err
	}
	c.members = append(c.members, m)
	m.flags = c.flagsFor(len(c.members)-1, m, "existing")
	return m, nil
}

// Forget takes a member that was removed from the cluster out of Members and
// of what later members are told. Its process must have ended.
func (c *Cluster) Forget(m *Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, have := range c.members {
		if have == m {
			c.members = append(c.members[:i:i], c.members[i+1:]...)
			return
		}
	}
}

// Members returns the members in the order they were made.
func (c *Cluster) Members() []*Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*Member(nil), c.members...)
}

// Member returns the i-th of Members.
func (c *Cluster) Member(i int) *Member { return c.Members()[i] }

// Endpoints returns the members' client URLs.
func (c *Cluster) Endpoints() []string {
	var urls []string
	for _, m := range c.Members() {
		urls = append(urls, m.ClientURL)
	}
	return urls
}

// StartAll starts every member that does not run.
func (c *Cluster) StartAll() error {
	for _, m := range c.Members() {
		if err := m.Start(); err != nil && !errors.Is(err, ErrRunning) {
			return err
		}
	}
	return nil
}

// WaitHealthy waits for every member's health.
func (c *Cluster) WaitHealthy(ctx context.Context) error {
	for _, m := range c.Members() {
		if err := m.WaitHealthy(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close kills every member that runs and keeps the files. It is for cleaning
// up, so it does not wait for a graceful end (a real etcd's leader can take
// seconds over its SIGTERM); Member.Stop does.
func (c *Cluster) Close() error {
	var errs []error
	for _, m := range c.Members() {
		if err := m.Kill(); err != nil && !errors.Is(err, ErrNotRunning) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// reserve makes a member with a name, ports and folders but no flags.
func (c *Cluster) reserve() (*Member, error) {
	name := c.freeName()
	client, err := freeURL(c.cfg.ClientTLS != nil)
	if err != nil {
		return nil, err
	}
	peer, err := freeURL(c.cfg.PeerTLS)
	if err != nil {
		return nil, err
	}
	m := &Member{
		Name: name, ClientURL: client, PeerURL: peer, AdvertisePeerURL: peer,
		DataDir: filepath.Join(c.cfg.Root, name, "data"),
		LogPath: filepath.Join(c.cfg.Root, name, "log"),
		binary:  c.cfg.Binary,
		env:     environment(c.cfg.Env),
		tls:     c.cfg.ClientTLS,
	}
	if c.cfg.AdvertisePeer != nil {
		m.AdvertisePeerURL = c.cfg.AdvertisePeer(name, peer)
	}
	return m, nil
}

// freeName counts up until neither a member nor a folder has the name: a
// forgotten member's data stays where it is.
func (c *Cluster) freeName() string {
	for i := len(c.members); ; i++ {
		name := fmt.Sprintf("m%d", i)
		taken := false
		for _, m := range c.members {
			taken = taken || m.Name == name
		}
		if _, err := os.Stat(filepath.Join(c.cfg.Root, name)); err == nil && i >= c.cfg.Members {
			taken = true
		}
		if !taken {
			return name
		}
	}
}

// flagsFor writes the i-th member's command line.
func (c *Cluster) flagsFor(i int, m *Member, state string) []string {
	var initial []string
	for _, other := range c.members {
		initial = append(initial, other.Name+"="+other.AdvertisePeerURL)
	}
	flags := []string{
		"--name=" + m.Name,
		"--data-dir=" + m.DataDir,
		"--listen-client-urls=" + m.ClientURL,
		"--advertise-client-urls=" + m.ClientURL,
		"--listen-peer-urls=" + m.PeerURL,
		"--initial-advertise-peer-urls=" + m.AdvertisePeerURL,
		"--initial-cluster=" + strings.Join(initial, ","),
		"--initial-cluster-state=" + state,
		"--initial-cluster-token=" + c.cfg.Token,
	}
	flags = append(flags, c.cfg.Flags...)
	if c.cfg.MemberFlags != nil {
		flags = append(flags, c.cfg.MemberFlags(i)...)
	}
	return flags
}

// environment is this process's, without the ETCD_ variables that would
// configure the child behind the caller's back.
func environment(extra []string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "ETCD_") {
			env = append(env, kv)
		}
	}
	return append(env, extra...)
}
