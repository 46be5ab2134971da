package replica

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/raft/transport"
	"github.com/petcd/petcd/server/config"
)

// Config is what a Replica is made of. Member is required.
type Config struct {
	// Member is what the operator asked for.
	Member config.Config
	// Leases is told of changes of the lease table; nil means nobody.
	Leases LeaseObserver
	// Logger receives the replica's messages and those of everything below it; nil discards them.
	Logger *slog.Logger
	// Fatal is told when the state cannot go on, nor be closed: the process must end. Nil means a panic instead.
	Fatal func(error)
	// Registerer receives the metrics; nil means none.
	Registerer prometheus.Registerer

	// Discover finds the founders of a member that begins and was given no initial cluster; nil when there is no other way.
	Discover func(ctx context.Context) (types.URLsMap, error)

	// still leaves the state uncompacted: it is only looked at.
	still bool

	// FS is the file system, nil the real one. The lock against a second process is taken on the real one only.
	FS vfs.FS
	// Dial opens connections to peers, nil net.Dialer's way. Tests cut the network here.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS makes the configuration of a connection to a peer's https URL at host; nil trusts the system's CAs.
	TLS func(host string) *tls.Config
	// Network makes what carries messages between members; nil means transport.New. A simulation has its own.
	Network func(transport.Config) Network
	// Filter, when set, is asked for every message between members: false drops it. Tests cut single links with it.
	Filter func(from, to uint64) bool
}
