package podnetwork

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/knftables"
)

// table is ours, in both families. Nobody else writes to it.
const table = "petcd-pods"

// writeMasquerade makes the rules that give packets of this node's pods the node's address when they go to no pod. They are
// written when they change, and now and then in case that somebody has flushed them. Without Options.Masquerade, those of an
// earlier run go.
func (n *Network) writeMasquerade(ctx context.Context, p *plan) error {
	if !n.o.Masquerade {
		if n.written != nil {
			return nil
		}
		if err := removeTables(ctx); err != nil {
			return err
		}
		n.written = &written{}
		return nil
	}
	wanted := fmt.Sprint(p.own, p.cluster())
	if n.written != nil && n.written.ranges == wanted && time.Since(n.written.at) < resync {
		return nil
	}
	var errs []error
	for _, own := range p.own {
		nft, err := knftables.New(familyOf(own), table)
		if err != nil {
			return fmt.Errorf("masquerade: %w", err)
		}
		if err := nft.Run(ctx, masquerade(nft, own, p.cluster())); err != nil {
			errs = append(errs, fmt.Errorf("masquerade: %w", err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	n.written = &written{ranges: wanted, at: time.Now()}
	return nil
}

// written says what the nftables table holds.
type written struct {
	ranges string
	at     time.Time
}

func familyOf(r netip.Prefix) knftables.Family {
	if r.Addr().Is6() {
		return knftables.IPv6Family
	}
	return knftables.IPv4Family
}

// masquerade writes the table anew, in one transaction. kube-proxy has put a pod in a Service's place before the rule is asked.
func masquerade(nft knftables.Interface, own netip.Prefix, cluster []netip.Prefix) *knftables.Transaction {
	var pods []string
	for _, r := range cluster {
		if r.Addr().Is6() == own.Addr().Is6() {
			pods = append(pods, r.String())
		}
	}
	ip := string(familyOf(own))
	tx := nft.NewTransaction()
	tx.Add(&knftables.Table{Comment: ptr.To("packets of pods that leave the cluster")})
	chain := &knftables.Chain{
		Name: "postrouting", Type: ptr.To(knftables.NATType), Hook: ptr.To(knftables.PostroutingHook), Priority: ptr.To(knftables.SNATPriority),
	}
	tx.Add(chain)
	tx.Flush(chain)
	tx.Add(&knftables.Rule{Chain: chain.Name, Rule: knftables.Concat(
		ip, "saddr", own.String(), ip, "daddr", "!=", "{", strings.Join(pods, ", "), "}",
		ip, "daddr", "!=", multicast(own), "masquerade")})
	return tx
}

// multicast is what a router must not give another source.
func multicast(family netip.Prefix) string {
	if family.Addr().Is6() {
		return "ff00::/8"
	}
	return "224.0.0.0/4"
}
