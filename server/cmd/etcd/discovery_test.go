package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// TestClusterByDiscovery starts three members that know of nothing but a
// registry in another cluster, and one more than it has room for.
func TestClusterByDiscovery(t *testing.T) {
	urls := func(name string) (args []string, client string) {
		c, p := freePort(t), freePort(t)
		client = fmt.Sprintf("127.0.0.1:%d", c)
		return []string{
			"--name=" + name, "--data-dir=" + filepath.Join(t.TempDir(), name),
			"--listen-client-urls=http://" + client, "--advertise-client-urls=http://" + client,
			fmt.Sprintf("--listen-peer-urls=http://127.0.0.1:%d", p), fmt.Sprintf("--initial-advertise-peer-urls=http://127.0.0.1:%d", p),
		}, client
	}
	ready := func(m *member) {
		t.Helper()
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(m.log.String())
			}
		})
		require.Eventually(t, func() bool { return strings.Contains(m.log.String(), "ready to serve client requests") }, time.Minute, 10*time.Millisecond)
	}
	args, registry := urls("default")
	service := startMember(t, append(args, "--initial-cluster=default="+strings.TrimPrefix(args[len(args)-1], "--initial-advertise-peer-urls="))...)
	ready(service)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{registry}, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Put(t.Context(), "/_etcd/registry/tok/_config/size", "3")
	require.NoError(t, err)

	flags := []string{"--discovery-endpoints=http://" + registry, "--discovery-token=tok"}
	var members []*member
	var endpoints []string
	var again []string
	for _, name := range []string{"a", "b", "c"} {
		args, endpoint := urls(name)
		again = append(args, flags...)
		members, endpoints = append(members, startMember(t, again...)), append(endpoints, endpoint)
	}
	for _, m := range members {
		ready(m)
	}
	found, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer found.Close()
	list, err := found.MemberList(t.Context())
	require.NoError(t, err)
	require.Len(t, list.Members, 3)

	args, _ = urls("d")
	late := startMember(t, append(args, flags...)...)
	<-late.ended
	require.Equal(t, exitFailure, late.code)
	require.Contains(t, late.log.String(), "discovery: cluster is full")

	members[2].stop(t)
	service.stop(t)
	members[2] = startMember(t, again...)
	ready(members[2]) // who has data needs no registry
	for _, m := range members {
		m.stop(t)
	}
}
