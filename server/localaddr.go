package server

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/petcd/petcd/server/config"
)

// dialMax bounds the opening of a connection to a peer.
const dialMax = 5 * time.Second

// localDialer is how peers are dialed from the address that they know this member by, as the gate SetMemberLocalAddr asks:
// the first one of the advertised peer URLs that is neither loopback nor unspecified. Nil when there is none, or no gate.
func localDialer(m *config.Config, lg *slog.Logger) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if !m.FeatureGates["SetMemberLocalAddr"] {
		return nil
	}
	for _, u := range m.AdvertisePeerURLs {
		addr, err := netip.ParseAddr(u.Hostname())
		if err != nil || addr.IsLoopback() || addr.IsUnspecified() {
			continue
		}
		lg.Info("setting member local address", "local-addr", addr.String())
		d := &net.Dialer{Timeout: dialMax, LocalAddr: &net.TCPAddr{IP: addr.AsSlice(), Zone: addr.Zone()}}
		return d.DialContext
	}
	lg.Warn("unable to set a member local address due to lack of suitable local addresses")
	return nil
}
