//go:build linux

package thirdparty

import (
	"context"
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ctlTimeout bounds one call of patronictl.
const ctlTimeout = 30 * time.Second

// listed is a line of `patronictl list`.
type listed struct {
	Member, Role, State string
}

// ctl runs patronictl, which reads the store and no node's state.
func (p *patroni) ctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := p.tryCtl(t, args...)
	require.NoError(t, err, "patronictl %v: %s", args, out)
	return string(out)
}

func (p *patroni) tryCtl(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), ctlTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/usr/bin/patronictl", append([]string{"-c", p.nodes[0].configFile()}, args...)...).CombinedOutput()
	p.said = string(out)
	return out, err
}

// list is what the store says of the nodes, by name.
func (p *patroni) list(t *testing.T) map[string]listed {
	t.Helper()
	out, err := p.tryCtl(t, "list", "-f", "json", scope)
	var lines []listed
	if err != nil || json.Unmarshal(out, &lines) != nil {
		return nil // before the nodes have written themselves into the store there is nothing to list
	}
	found := make(map[string]listed, len(lines))
	for _, l := range lines {
		found[l.Member] = l
	}
	return found
}

// waitForPair waits until one node is the primary, the given one unless it is nil, and the other its synchronous replica.
func (p *patroni) waitForPair(t *testing.T, want *patroniNode) (primary, replica *patroniNode) {
	t.Helper()
	until(t, bootTimeout, "primary with a synchronous replica", func() bool {
		primary, replica = nil, nil
		found := p.list(t)
		for _, n := range p.nodes {
			switch l := found[n.name]; {
			case l.Role == "Leader" && l.State == "running":
				primary = n
			case l.Role == "Sync Standby":
				replica = n
			}
		}
		return primary != nil && replica != nil && (want == nil || primary == want)
	})
	return primary, replica
}

// waitForPrimary waits until a node is the primary, alone or not.
func (p *patroni) waitForPrimary(t *testing.T, want *patroniNode) {
	t.Helper()
	until(t, failoverTimeout, "promotion of "+want.name, func() bool {
		l := p.list(t)[want.name]
		return l.Role == "Leader" && l.State == "running"
	})
}
