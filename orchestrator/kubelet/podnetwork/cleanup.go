package podnetwork

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"sigs.k8s.io/knftables"
)

// Cleanup removes what Run has made in this network namespace, and the bridge that the runtime has made by the configuration.
// Settings of the kernel stay. It is for a node that leaves the cluster, with no pods left.
func Cleanup(ctx context.Context, cniConfDir, bridge string) error {
	var errs []error
	if cniConfDir != "" {
		errs = append(errs, removeFile(filepath.Join(cniConfDir, confName)))
	}
	routes, err := ourRoutes()
	errs = append(errs, err)
	for _, r := range routes {
		errs = append(errs, removeRoute(r))
	}
	return errors.Join(append(errs, removeBridge(bridge), removeTables(ctx))...)
}

func removeBridge(name string) error {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) || (err == nil && link.Type() != "bridge") {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil {
		return fmt.Errorf("remove bridge %s: %w", name, err)
	}
	return nil
}

// removeTables removes our nftables tables, if there are any.
func removeTables(ctx context.Context) error {
	var errs []error
	for _, family := range []knftables.Family{knftables.IPv4Family, knftables.IPv6Family} {
		nft, err := knftables.New(family, table)
		if err != nil {
			return nil // without nft there is no table of ours
		}
		tx := nft.NewTransaction()
		tx.Add(&knftables.Table{}) // so that it can be deleted without asking whether it is there
		tx.Delete(&knftables.Table{})
		if err := nft.Run(ctx, tx); err != nil {
			errs = append(errs, fmt.Errorf("remove nftables table %s: %w", table, err))
		}
	}
	return errors.Join(errs...)
}
