//go:build linux

package thirdparty

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// The waits of a run. They bound a failure; a run that goes well waits far less.
const (
	bootTimeout     = 120 * time.Second
	failoverTimeout = 90 * time.Second
	writeTimeout    = 60 * time.Second
)

// TestPatroni has two PostgreSQL nodes elect their primary through three members, over API 2 and over API 3, and takes away the leader of
// the store, then the primary, then hands over on request. No row that was committed may be missing at the end.
//
// PETCD_THIRDPARTY=all runs it on the real etcd as well.
func TestPatroni(t *testing.T) {
	env := prepare(t)
	for _, tg := range env.targets {
		if tg.name != process.Petcd && os.Getenv("PETCD_THIRDPARTY") != "all" {
			continue
		}
		for _, section := range []string{"etcd", "etcd3"} {
			t.Run(tg.name+"/"+section, func(t *testing.T) {
				t.Parallel()
				patroniRun(t, tg, section)
			})
		}
	}
}

// patroniRun is one run; section is that of Patroni's configuration which names the store.
func patroniRun(t *testing.T, tg target, section string) {
	store := tg.start(t, process.Config{Members: 3})
	if section == "etcd" {
		addUser(t, store) // over API 3 this Patroni asks for the list of members without its token, which etcd 3.7 refuses
	}
	p := newPatroni(t, section, store.Endpoints())
	begin := time.Now()
	step := func(what string) { t.Logf("%5.1fs %s", time.Since(begin).Seconds(), what) }

	for _, n := range p.nodes {
		n.start(t)
	}
	first, second := p.waitForPair(t, nil)
	step("primary " + first.name + ", synchronous replica " + second.name)
	w := startWriter(t, p)
	w.waitForMore(t, 20)

	// The store loses its leader: the primary is to notice nothing but a slow round.
	lost := leader(t, store)
	require.NoError(t, lost.Kill())
	killed := time.Now()
	for _, n := range p.nodes {
		n.waitForStoreSeen(t, killed.Add(2*loopWait))
	}
	w.waitForMore(t, 20)
	primary, _ := p.waitForPair(t, nil)
	require.Same(t, first, primary, "the store's lost leader cost the primary its place")
	step("petcd's leader was killed; the primary is the same; " + w.pauses())
	require.NoError(t, lost.Start())

	// A whole node ends: its lease runs out and the replica takes over.
	first.kill(t)
	p.waitForPrimary(t, second)
	w.waitForMore(t, 20)
	step("the primary was killed; " + second.name + " was promoted; " + w.pauses())
	first.start(t)
	p.waitForPair(t, second)
	step(first.name + " is back as the synchronous replica")

	out := p.ctl(t, "switchover", "--leader", second.name, "--candidate", first.name, "--force", scope)
	require.Contains(t, out, "Successfully switched over")
	p.waitForPair(t, first)
	w.waitForMore(t, 20)
	step("switched over to " + first.name + "; " + w.pauses())

	acked := w.stop(t)
	require.Subset(t, first.rows(t), acked, "the primary lost committed rows")
	until(t, writeTimeout, "replica with every row", func() bool { return len(second.rows(t)) == len(first.rows(t)) })
	require.Subset(t, second.rows(t), acked, "the replica lost committed rows")
	for _, n := range p.nodes {
		n.stop(t)
	}
	step(fmt.Sprintf("stopped; %d rows were committed", len(acked)))
}
