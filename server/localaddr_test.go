package server

import (
	"log/slog"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/config"
)

func TestLocalDialer(t *testing.T) {
	c := config.Default()
	lg := slog.New(slog.DiscardHandler)
	c.AdvertisePeerURLs = []url.URL{{Host: "localhost:1"}, {Host: "127.0.0.1:1"}, {Host: "0.0.0.0:1"}, {Host: "192.0.2.7:1"}}
	require.Nil(t, localDialer(&c, lg), "without the gate")
	c.FeatureGates["SetMemberLocalAddr"] = true
	dial := localDialer(&c, lg)
	require.NotNil(t, dial)
	_, err := dial(t.Context(), "tcp", "127.0.0.1:1")
	require.ErrorContains(t, err, "192.0.2.7", "it binds the address that others know, which this machine doesn't have")
	c.AdvertisePeerURLs = c.AdvertisePeerURLs[:3]
	require.Nil(t, localDialer(&c, lg), "no address is suitable")
}
