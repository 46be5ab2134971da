package runtime

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
)

// Options are the daemon's flags.
type Options struct {
	Listen   string   // the socket that it serves on
	Root     string   // images, and what containers write
	State    string   // what runs now
	PodCIDR  string   // pods' addresses, until the kubelet says otherwise
	Shim     string   // the program of the shims
	Network  bool     // whether pods get networks of their own
	Insecure []string // registries without TLS
	Load     []string // images to begin with
	Parent   string   // of the cgroups of pods that don't say
}

// NewOptions are the defaults.
func NewOptions() *Options {
	return &Options{
		Listen: "unix:///run/cri-runtime/cri-runtime.sock", Root: "/var/lib/cri-runtime", State: "/run/cri-runtime/state",
		Network: true, Parent: "/cri-runtime",
	}
}

// AddFlags adds the flags to a set.
func (o *Options) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Listen, "listen", o.Listen, "The socket that CRI is served on.")
	f.StringVar(&o.Root, "root", o.Root, "The folder of images and of what containers write.")
	f.StringVar(&o.State, "state", o.State, "The folder of what runs now. It need not outlive the machine.")
	f.StringVar(&o.PodCIDR, "pod-cidr", o.PodCIDR, "The addresses of pods, until the kubelet says others: a range of IPv4, of IPv6, or one of each with a comma between.")
	f.StringVar(&o.Shim, "shim", o.Shim, "The program cri-shim. By default it is beside this one.")
	f.BoolVar(&o.Network, "network", o.Network, "Give pods networks of their own. Without it, all pods have to be on the node's.")
	f.StringSliceVar(&o.Insecure, "insecure-registry", o.Insecure, "Registries that are spoken to without TLS, beside those on loopback and private addresses.")
	f.StringSliceVar(&o.Load, "load", o.Load, "OCI layouts (folders) or tar files of images that are there from the start.")
	f.StringVar(&o.Parent, "cgroup-parent", o.Parent, "The cgroup of pods that come without one.")
}

// complete finds the shim.
func (o *Options) complete() error {
	if o.Shim != "" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("runtime: --shim: %w", err)
	}
	o.Shim = filepath.Join(filepath.Dir(self), "cri-shim")
	return nil
}
