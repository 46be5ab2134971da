package nftables

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"sigs.k8s.io/knftables"

	"github.com/petcd/petcd/orchestrator/proxy/model"
)

// table is the name of what is ours in the kernel; each family has one.
const table = "kube-proxy"

// Backend holds one family's rules in the kernel. It isn't safe for concurrent use.
type Backend struct {
	nft    knftables.Interface
	family v1.IPFamily
	ip     string // what nft calls the family in expressions

	site   model.Site
	blocks map[types.NamespacedName]*block
	claims claims

	known  bool // the kernel holds what blocks say
	watch  *Watch
	others uint // what the watch said when all was last stated
}

// New returns the backend of a family. It changes nothing yet.
func New(family v1.IPFamily, w *Watch) (*Backend, error) {
	nft, err := knftables.New(nftFamily(family), table)
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return newBackend(family, nft, w), nil
}

func newBackend(family v1.IPFamily, nft knftables.Interface, w *Watch) *Backend {
	return &Backend{
		nft: nft, family: family, ip: string(nftFamily(family)), watch: w,
		blocks: map[types.NamespacedName]*block{}, claims: claims{},
	}
}

func nftFamily(family v1.IPFamily) knftables.Family {
	if family == v1.IPv6Protocol {
		return knftables.IPv6Family
	}
	return knftables.IPv4Family
}

// Sync makes the kernel hold the Services' ports as changed says, beside those of earlier calls. A Service without ports is gone.
func (b *Backend) Sync(ctx context.Context, site model.Site, changed map[types.NamespacedName][]model.Port) error {
	if !reflect.DeepEqual(site, b.site) {
		b.site, b.known = site, false
	}
	d := newDelta()
	for service, ports := range changed {
		b.replace(d, service, b.render(ports))
	}
	if b.known {
		tx := b.nft.NewTransaction()
		b.partial(tx, d)
		if tx.NumOperations() == 0 {
			return nil
		}
		err := b.run(ctx, tx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		klog.FromContext(ctx).Error(err, "A change was refused; stating all rules anew", "family", b.family)
	}
	return b.restate(ctx)
}

// restate makes the kernel hold all that is wanted, whatever it held before.
func (b *Backend) restate(ctx context.Context) error {
	var err error
	if b.others, err = b.watch.look(); err != nil {
		return err
	}
	tx, err := b.full(ctx)
	if err == nil {
		err = b.run(ctx, tx)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	tx = b.nft.NewTransaction()
	tx.Add(&knftables.Table{}) // there must be one to be deleted
	tx.Delete(&knftables.Table{})
	b.state(tx)
	if again := b.run(ctx, tx); again != nil {
		return errors.Join(err, again)
	}
	klog.FromContext(ctx).Info("The table was of no use and has been made anew", "family", b.family, "reason", err.Error())
	return nil
}

// run runs a transaction, and remembers whether the kernel holds what is wanted.
func (b *Backend) run(ctx context.Context, tx *knftables.Transaction) error {
	b.known = false
	if err := b.watch.during(func() error { return b.nft.Run(ctx, tx) }); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	b.known = true
	return nil
}

// Check finds out whether anybody else has changed the kernel's rules since they were last stated; then the next sync states all of ours anew.
func (b *Backend) Check(context.Context) error {
	others, err := b.watch.look()
	b.known = b.known && err == nil && others == b.others
	return err
}

// Known tells whether the kernel is believed to hold what was last wanted.
func (b *Backend) Known() bool { return b.known }

// Cleanup removes all that is ours.
func (b *Backend) Cleanup(ctx context.Context) error {
	tx := b.nft.NewTransaction()
	tx.Add(&knftables.Table{})
	tx.Delete(&knftables.Table{})
	if err := b.nft.Run(ctx, tx); err != nil {
		return fmt.Errorf("nftables: removing the table: %w", err)
	}
	b.known = false
	return nil
}
