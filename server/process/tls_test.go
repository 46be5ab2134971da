package process_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/tlstest"
)

func TestClusterWithTLSOnBothPorts(t *testing.T) {
	bin := peer(t)
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	server := ca.Server("server")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := process.Start(ctx, process.Config{
		Binary: bin, Members: 3, Root: t.TempDir(),
		Flags:     slices.Concat(tlstest.ClientPortFlags(ca, server, true), tlstest.PeerPortFlags(ca, server, true)),
		ClientTLS: ca.Config(ca.Client("client", "root")), PeerTLS: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.Regexp(t, "^https://", c.Member(0).ClientURL)
	require.Regexp(t, "^https://", c.Member(0).PeerURL)
}
