package iptables

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/proxy/model"
	"github.com/petcd/petcd/orchestrator/proxy/model/modeltest"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	web, dns = modeltest.Web, modeltest.DNS
	site     = modeltest.Site()
)

// fake is what iptables-restore and iptables-save do, as far as they are used.
type fake struct {
	tables map[string]map[string][]string
	last   string // input
	broken error
}

func newFake() *fake {
	f := &fake{tables: map[string]map[string][]string{}}
	for table, chains := range map[string][]string{nat: {"PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"}, filter: {"INPUT", "FORWARD", "OUTPUT"}} {
		f.tables[table] = map[string][]string{}
		for _, chain := range chains {
			f.tables[table][chain] = nil
		}
	}
	return f
}

// run implements Runner.
func (f *fake) run(_ context.Context, input []byte, program string, args ...string) ([]byte, error) {
	switch {
	case f.broken != nil:
		return nil, f.broken
	case program == "iptables-save":
		return []byte(f.dump(args[1])), nil
	}
	f.last = string(input)
	return nil, f.restore(f.last)
}

func (f *fake) dump(table string) string {
	var heads, rules strings.Builder
	for _, chain := range slices.Sorted(maps.Keys(f.tables[table])) {
		fmt.Fprintf(&heads, ":%s - [0:0]\n", chain)
		for _, rule := range f.tables[table][chain] {
			fmt.Fprintf(&rules, "-A %s %s\n", chain, rule)
		}
	}
	return fmt.Sprintf("*%s\n%s%sCOMMIT\n", table, heads.String(), rules.String())
}

// restore changes the tables as the text says; each not at all if something is wrong with it.
func (f *fake) restore(text string) error {
	var name string
	var table map[string][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		command, rest, _ := strings.Cut(line, " ")
		chain, rule, _ := strings.Cut(rest, " ")
		if _, there := table[chain]; slices.Contains([]string{"-A", "-I", "-D", "-X"}, command) && !there {
			return fmt.Errorf("no chain for %q", line)
		}
		if _, target, jumps := strings.Cut(rule, "-j KUBE-"); jumps && command != "-D" {
			if _, there := table["KUBE-"+target]; !there {
				return fmt.Errorf("no target for %q", line)
			}
		}
		switch {
		case line[0] == '*':
			name, table = line[1:], map[string][]string{}
			for chain, rules := range f.tables[name] {
				table[chain] = slices.Clone(rules)
			}
		case line[0] == ':':
			chain, _, _ := strings.Cut(line[1:], " ")
			table[chain] = nil
		case command == "-A":
			table[chain] = append(table[chain], rule)
		case command == "-I":
			table[chain] = slices.Insert(table[chain], 0, rule)
		case command == "-D":
			i := slices.Index(table[chain], rule)
			if i < 0 {
				return fmt.Errorf("no rule %q", line)
			}
			table[chain] = slices.Delete(table[chain], i, i+1)
		case command == "-X":
			for _, rules := range table {
				if len(table[chain]) > 0 || slices.ContainsFunc(rules, func(r string) bool { return strings.HasSuffix(r, "-j "+chain) }) {
					return fmt.Errorf("%q is in use", line)
				}
			}
			delete(table, chain)
		case line == "COMMIT":
			f.tables[name] = table
		default:
			return fmt.Errorf("what is %q", line)
		}
	}
	return nil
}

func (f *fake) all() string { return f.dump(nat) + f.dump(filter) }

func golden(t *testing.T, name, got string) {
	t.Helper()
	modeltest.Golden(t, *update, name, got)
}

func TestRules(t *testing.T) {
	f := newFake()
	require.NoError(t, newBackend(v1.IPv4Protocol, f.run).Sync(t.Context(), site, modeltest.Everything()))
	golden(t, "everything.iptables", f.all())
}

func TestOnlyChangesAreWritten(t *testing.T) {
	f := newFake()
	b := newBackend(v1.IPv4Protocol, f.run)
	require.NoError(t, b.Sync(t.Context(), site, nil))
	empty := f.all()
	require.NoError(t, b.Sync(t.Context(), site, modeltest.Everything()))
	f.last = ""
	require.NoError(t, b.Sync(t.Context(), site, modeltest.Everything()))
	require.Empty(t, f.last, "nothing new, nothing run")

	changed := modeltest.Everything()[web]
	changed[0].Cluster = modeltest.Endpoints("10.244.2.1:8080")
	require.NoError(t, b.Sync(t.Context(), site, map[types.NamespacedName][]model.Port{web: changed}))
	golden(t, "endpoint-gone.iptables", f.last)
	require.NoError(t, b.Check(t.Context()))
	require.True(t, b.Known())
	require.NoError(t, b.Sync(t.Context(), site, map[types.NamespacedName][]model.Port{web: nil, dns: nil}))
	require.Equal(t, empty, f.all(), "nothing is left")
}

func TestTakeover(t *testing.T) {
	f := newFake()
	f.tables[nat]["OTHERS"] = []string{"-j ACCEPT"}
	f.tables[nat]["PREROUTING"] = []string{"-j OTHERS"}
	b := newBackend(v1.IPv4Protocol, f.run)
	require.NoError(t, b.Sync(t.Context(), site, modeltest.Everything()))
	want := f.all()
	stale := types.NamespacedName{Namespace: "default", Name: "stale"}
	require.NoError(t, b.Sync(t.Context(), site, map[types.NamespacedName][]model.Port{stale: {{
		Service: stale, Protocol: v1.ProtocolTCP, Port: 1, ClusterIP: modeltest.IPs("10.96.9.9")[0], Cluster: modeltest.Endpoints("10.244.9.9:1"),
	}}}))
	require.NotEqual(t, want, f.all())
	require.NoError(t, newBackend(v1.IPv4Protocol, f.run).Sync(t.Context(), site, modeltest.Everything()))
	require.Equal(t, want, f.all())
	require.Equal(t, "-j OTHERS", f.tables[nat]["PREROUTING"][1], "others' rules stay, behind ours")

	require.NoError(t, newBackend(v1.IPv4Protocol, f.run).Cleanup(t.Context()))
	require.NotContains(t, f.all(), "KUBE-")
	require.Contains(t, f.all(), "-A PREROUTING -j OTHERS")
	f.last = ""
	require.NoError(t, newBackend(v1.IPv4Protocol, f.run).Cleanup(t.Context()))
	require.Empty(t, f.last, "there is nothing to remove")
}

func TestFailures(t *testing.T) {
	f := newFake()
	b := newBackend(v1.IPv4Protocol, f.run)
	f.broken = errors.New("broken")
	require.ErrorIs(t, b.Sync(t.Context(), site, modeltest.Everything()), f.broken)
	require.False(t, b.Known())
	require.ErrorIs(t, b.Cleanup(t.Context()), f.broken)
	f.broken = nil
	require.NoError(t, b.Sync(t.Context(), site, nil), "what failed is remembered")
	golden(t, "everything.iptables", f.all())
	f.broken = errors.New("broken")
	require.ErrorIs(t, b.Check(t.Context()), f.broken)
	require.False(t, b.Known())
}

func TestDriftIsNoticed(t *testing.T) {
	for name, damage := range map[string]func(*fake){
		"a chain is emptied":    func(f *fake) { f.tables[nat][services] = nil },
		"a chain is deleted":    func(f *fake) { delete(f.tables[filter], external) },
		"a jump is deleted":     func(f *fake) { f.tables[nat]["OUTPUT"] = nil },
		"a jump is there twice": func(f *fake) { f.tables[nat]["OUTPUT"] = append(f.tables[nat]["OUTPUT"], f.tables[nat]["OUTPUT"]...) },
		"a rule is added":       func(f *fake) { f.tables[nat][postrouting] = append(f.tables[nat][postrouting], "-j ACCEPT") },
	} {
		f := newFake()
		b := newBackend(v1.IPv4Protocol, f.run)
		require.NoError(t, b.Sync(t.Context(), site, modeltest.Everything()))
		require.NoError(t, b.Check(t.Context()))
		require.True(t, b.Known())
		damage(f)
		require.NoError(t, b.Check(t.Context()))
		require.False(t, b.Known(), name)
		require.NoError(t, b.Sync(t.Context(), site, nil))
		golden(t, "everything.iptables", f.all())
	}
}

func TestSites(t *testing.T) {
	for name, c := range map[string]struct {
		site model.Site
		has  []string
		not  []string
	}{
		"all":       {model.Site{MasqueradeAll: true}, []string{`web:http cluster IP" -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ`, "--ctstate INVALID"}, nil},
		"unknown":   {model.Site{TCPBeLiberal: true}, nil, []string{`--dport 80 -j KUBE-MARK-MASQ`, "--ctstate INVALID"}},
		"bridge":    {model.Site{Pods: model.Pods{Bridge: "cni0"}}, []string{"! -i cni0 -d 10.96.0.10/32", "-i cni0 -j KUBE-SVC-"}, nil},
		"prefix":    {model.Site{Pods: model.Pods{InterfacePrefix: "veth"}}, []string{"! -i veth+ -d"}, nil},
		"addresses": {model.Site{NodePort: []netip.Prefix{netip.MustParsePrefix("192.168.0.1/32")}}, []string{"-d 192.168.0.1/32 -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"}, []string{"! -d 127.0.0.0/8"}},
		"nowhere":   {model.Site{NodePort: []netip.Prefix{}}, nil, []string{"-j KUBE-NODEPORTS"}},
	} {
		f := newFake()
		require.NoError(t, newBackend(v1.IPv4Protocol, f.run).Sync(t.Context(), c.site, modeltest.Everything()), name)
		for _, text := range c.has {
			require.Contains(t, f.all(), text, name)
		}
		for _, text := range c.not {
			require.NotContains(t, f.all(), text, name)
		}
	}
}

// Names come from outside: none may end its comment and begin something else.
func TestNoNameBecomesARule(t *testing.T) {
	p := &model.Port{Service: types.NamespacedName{Namespace: "a\" -j ACCEPT\n-A INPUT", Name: "b"}}
	require.Empty(t, about(p, "x"))
	p.NodePort, p.ExternalLocal, p.Cluster = 30000, true, modeltest.Endpoints("10.244.1.1:80")
	p.ClusterIP, p.Protocol, p.Port = modeltest.IPs("10.96.0.1")[0], v1.ProtocolTCP, 80
	b := newBackend(v1.IPv4Protocol, newFake().run)
	for _, b.site.Pods.Range = range []netip.Prefix{{}, netip.MustParsePrefix("10.244.0.0/16")} {
		for _, p.ExternalLocal = range []bool{false, true} {
			r := b.render([]model.Port{*p})
			require.NotContains(t, fmt.Sprint(r.own, r.shared), "ACCEPT")
		}
	}
	require.Regexp(t, "^KUBE-SVC-[A-Z2-7]{16}$", chainName("SVC", p, ""))
}
