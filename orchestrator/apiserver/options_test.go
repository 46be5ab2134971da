package apiserver

import (
	"net"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// parse reads a command line that is complete but for what a test adds.
func parse(t *testing.T, args ...string) (*Options, error) {
	t.Helper()
	o := NewOptions()
	all, set := o.Flags(), pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, s := range all.FlagSets {
		set.AddFlagSet(s)
	}
	err := set.Parse(append([]string{
		"--etcd-servers=http://127.0.0.1:2379", "--service-account-issuer=https://a", "--service-account-signing-key-file=key",
	}, args...))
	return o, err
}

func TestValidate(t *testing.T) {
	for arg, want := range map[string]string{
		"--event-ttl=1h":                                         "",
		"--event-ttl=0":                                          "",
		"--event-ttl=-1s":                                        "--event-ttl must not be negative: -1s",
		"--service-cluster-ip-range=10.0.0.0/12":                 "",
		"--service-cluster-ip-range=10.0.0.0/11":                 "the range 10.0.0.0/11 is too large",
		"--service-cluster-ip-range=10.0.0.0/32":                 "has no address to give",
		"--service-cluster-ip-range=10.0.0.0/24,fd00::/64":       "",
		"--service-cluster-ip-range=10.0.0.0/24,10.1.0.0/24":     "--service-cluster-ip-range: services: more than one range of IPv4",
		"--service-cluster-ip-range=10.0.0.0/24,fd00::/64,f::/9": "--service-cluster-ip-range: services: more than one range of IPv6",
		"--service-node-port-range=":                             "--service-node-port-range: allocator: no range of node ports",
		"--service-node-port-range=30000":                        "",
		"--requestheader-username-headers= ":                     "requestheader-username-headers",
		"--service-account-signing-key-file=":                    "--service-account-issuer and --service-account-signing-key-file are required",
	} {
		t.Run(arg, func(t *testing.T) {
			o, err := parse(t, arg)
			require.NoError(t, err)
			if err := o.Validate(); want != "" {
				require.ErrorContains(t, err, want)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

// TestFlagsRefuse: what cannot be read is refused before anything is done.
func TestFlagsRefuse(t *testing.T) {
	for _, arg := range []string{
		"--service-cluster-ip-range=", "--service-cluster-ip-range=10.0.0.0", "--service-cluster-ip-range=010.0.0.0/24",
		"--service-cluster-ip-range=::ffff:10.0.0.0/120", "--service-node-port-range=many", "--service-node-port-range=1-70000",
	} {
		_, err := parse(t, arg)
		require.Error(t, err, arg)
	}
}

func TestServiceRanges(t *testing.T) {
	o, err := parse(t, "--service-cluster-ip-range=10.1.0.0/24", "--service-cluster-ip-range=10.0.0.7/24, fd00::/64")
	require.NoError(t, err)
	require.Equal(t, "10.0.0.0/24,fd00::/64", o.ServiceRanges.String())
	first := o.ServiceRanges.first()
	require.Len(t, first, 2)
	require.True(t, first[0].Equal(net.IPv4(10, 0, 0, 1)))
	require.Equal(t, "fd00::1", first[1].String())
	require.Equal(t, "30000-32767", o.NodePorts.String())
}
