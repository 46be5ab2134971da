package nftables

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Watch finds out whether anybody else has changed the kernel's nf_tables rules. The kernel numbers their states: each transaction, whoever's
// and in whatever family, adds one. That is much cheaper to read than the rules. The backends of a network namespace share a Watch.
type Watch struct {
	last   uint32 // the number after our last transaction or look
	others uint   // how often somebody else was found to have changed something
	read   func() (uint32, error)
}

// NewWatch returns a watch of the network namespace that it is used in.
func NewWatch() *Watch { return &Watch{read: generation} }

// look finds out what has happened since the last look, and returns how often others have changed something.
func (w *Watch) look() (uint, error) {
	now, err := w.read()
	if err != nil || now != w.last {
		w.others++ // at worst rules are written that were there already
	}
	w.last = now
	return w.others, err
}

// during runs a transaction of ours. What others change before, and while it runs, isn't taken for ours.
func (w *Watch) during(run func() error) error {
	if _, err := w.look(); err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	w.last++
	_, err := w.look()
	return err
}

// generation reads the number of the present state.
func generation() (uint32, error) {
	request := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETGEN, 0)
	request.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC, Version: nl.NFNETLINK_V0})
	answers, err := request.Execute(unix.NETLINK_NETFILTER, uint16(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN))
	if err != nil {
		return 0, fmt.Errorf("nftables: reading the rules' generation: %w", err)
	}
	for _, answer := range answers {
		if len(answer) < nl.SizeofNfgenmsg {
			continue
		}
		attributes, err := nl.ParseRouteAttr(answer[nl.SizeofNfgenmsg:])
		if err != nil {
			return 0, fmt.Errorf("nftables: the rules' generation: %w", err)
		}
		for _, a := range attributes {
			if a.Attr.Type == unix.NFTA_GEN_ID && len(a.Value) == 4 {
				return binary.BigEndian.Uint32(a.Value), nil
			}
		}
	}
	return 0, errors.New("nftables: the kernel doesn't say the rules' generation")
}
