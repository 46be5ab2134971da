package discovery_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/discovery"
	"github.com/petcd/petcd/server/servertest"
)

// zone is DNS out of two tables.
type zone struct {
	srv   map[string][]*net.SRV
	hosts map[string][]string
}

func (z zone) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	full := "_" + service + "._" + proto + "." + name
	if r, ok := z.srv[full]; ok {
		return full, r, nil
	}
	return "", nil, &net.DNSError{Name: full, Err: "no such host", IsNotFound: true}
}

func (z zone) LookupHost(_ context.Context, host string) ([]string, error) {
	if a, ok := z.hosts[host]; ok {
		return a, nil
	}
	return nil, &net.DNSError{Name: host, Err: "no such host", IsNotFound: true}
}

func urls(t *testing.T, texts ...string) []url.URL {
	u, err := types.NewURLs(texts)
	require.NoError(t, err)
	return u
}

func TestFromDNS(t *testing.T) {
	z := zone{
		srv: map[string][]*net.SRV{
			"_etcd-server-ssl._tcp.example.com":     {{Target: "a.example.com.", Port: 2380}, {Target: "b.example.com.", Port: 2380}},
			"_etcd-server._tcp.example.com":         {{Target: "10.0.0.3", Port: 2380}, {Target: "gone.example.com.", Port: 1}},
			"_etcd-server-blue._tcp.example.com":    {{Target: "a.example.com.", Port: 2380}},
			"_etcd-server._tcp.nothing.example.com": {{Target: "gone.example.com.", Port: 1}},
		},
		hosts: map[string][]string{"a.example.com": {"10.0.0.1"}, "b.example.com": {"10.0.0.2", "fd00::2"}},
	}
	got, err := discovery.FromDNS(t.Context(), z, "example.com", "", "me", urls(t, "https://b.example.com:2380"))
	require.NoError(t, err)
	require.Equal(t, "0=https://a.example.com:2380,2=http://10.0.0.3:2380,me=https://b.example.com:2380", got.String())

	got, err = discovery.FromDNS(t.Context(), z, "example.com", "", "me", urls(t, "https://[fd00::2]:2380"))
	require.NoError(t, err, "one of a host's addresses is enough")
	require.Equal(t, "https://b.example.com:2380", got["me"].String())

	got, err = discovery.FromDNS(t.Context(), z, "example.com", "blue", "me", urls(t, "http://10.0.0.1:2380"))
	require.NoError(t, err)
	require.Equal(t, "me=http://a.example.com:2380", got.String())

	_, err = discovery.FromDNS(t.Context(), z, "example.com", "", "me", urls(t, "https://10.0.0.9:2380"))
	require.ErrorIs(t, err, discovery.ErrNotInRecords)
	_, err = discovery.FromDNS(t.Context(), z, "example.com", "blue", "me", urls(t, "https://10.0.0.1:2380"))
	require.ErrorContains(t, err, "scheme mismatch")
	_, err = discovery.FromDNS(t.Context(), z, "nothing.example.com", "", "me", urls(t, "http://10.0.0.1:2380"))
	require.ErrorContains(t, err, "error querying DNS SRV records for _etcd-server ")
	_, err = discovery.FromDNS(t.Context(), z, "none.example.com", "", "me", urls(t, "http://10.0.0.1:2380"))
	require.ErrorContains(t, err, "no such host")
}

// service is a discovery service: a cluster of one.
func service(t *testing.T) (config.Discovery, *servertest.Cluster) {
	c := servertest.Start(t, 1)
	d := config.Default().Discovery
	d.Endpoints = []string{"http://" + c.Members[0].Endpoint()}
	d.Token = "tok"
	return d, c
}

func registry(t *testing.T, d config.Discovery) *discovery.Registry {
	r, err := discovery.Dial(d, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func member(t *testing.T, i int) (types.ID, types.URLsMap) {
	m, err := types.NewURLsMap(fmt.Sprintf("m%d=http://10.0.0.%d:2380", i, i))
	require.NoError(t, err)
	return types.ID(i), m
}

func TestFoundersFindEachOther(t *testing.T) {
	d, c := service(t)
	client := c.Client()
	_, err := client.Put(c.Context(), "/_etcd/registry/tok/_config/size", "3")
	require.NoError(t, err)
	type result struct {
		urls types.URLsMap
		err  error
	}
	results := make(chan result, 3)
	for i := 1; i <= 3; i++ {
		go func() {
			id, own := member(t, i)
			found, err := registry(t, d).Join(c.Context(), id, own)
			results <- result{found, err}
		}()
	}
	for range 3 {
		r := <-results
		require.NoError(t, r.err)
		require.Equal(t, "m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380,m3=http://10.0.0.3:2380", r.urls.String())
	}
	stored, err := client.Get(c.Context(), "/_etcd/registry/tok/members/2")
	require.NoError(t, err)
	require.Equal(t, "m2=http://10.0.0.2:2380", string(stored.Kvs[0].Value))

	id, own := member(t, 4)
	_, err = registry(t, d).Join(c.Context(), id, own)
	require.ErrorIs(t, err, discovery.ErrFullCluster)
	id, own = member(t, 3)
	again, err := registry(t, d).Join(c.Context(), id, own)
	require.NoError(t, err, "a founder that starts again is no newcomer")
	require.Len(t, again, 3)
}

func TestRegistriesThatCannotWork(t *testing.T) {
	d, c := service(t)
	client := c.Client()
	join := func() error {
		id, own := member(t, 1)
		_, err := registry(t, d).Join(c.Context(), id, own)
		return err
	}
	require.ErrorIs(t, join(), discovery.ErrSizeNotFound)
	for _, size := range []string{"", "x", "0", "-1", "1e3", "100000"} {
		_, err := client.Put(c.Context(), "/_etcd/registry/tok/_config/size", size)
		require.NoError(t, err)
		require.ErrorIs(t, join(), discovery.ErrBadSizeKey, size)
	}
	_, err := client.Put(c.Context(), "/_etcd/registry/tok/_config/size", "2")
	require.NoError(t, err)
	_, err = client.Put(c.Context(), "/_etcd/registry/tok/members/bad", "no url")
	require.NoError(t, err)
	_, err = client.Put(c.Context(), "/_etcd/registry/tok/members/9", "other=http://10.0.0.1:2380")
	require.NoError(t, err)
	require.ErrorIs(t, join(), discovery.ErrDuplicate)

	d.Endpoints = []string{"http://127.0.0.1:1"}
	d.RequestTimeout = 10 * time.Millisecond
	ctx, cancel := context.WithTimeout(c.Context(), 50*time.Millisecond)
	defer cancel()
	id, own := member(t, 1)
	_, err = registry(t, d).Join(ctx, id, own)
	require.ErrorIs(t, err, context.DeadlineExceeded, "it tries until it is told to stop")
}
