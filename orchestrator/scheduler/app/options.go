package app

import (
	"errors"
	"fmt"

	"k8s.io/component-base/cli/flag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/petcd/petcd/orchestrator/process"
)

// Options are the flags of kube-scheduler, by upstream's names.
type Options struct {
	process.Options
	Logs *logs.Options

	configFile string // refused
}

// NewOptions returns upstream's defaults.
func NewOptions() *Options {
	return &Options{Options: process.NewOptions("kube-scheduler", 10259), Logs: logs.NewOptions()}
}

// Flags are all flags, in named sets.
func (o *Options) Flags() (all flag.NamedFlagSets) {
	o.AddFlags(&all)
	logsapi.AddFlags(o.Logs, all.FlagSet("logs"))
	all.FlagSet("generic").StringVar(&o.configFile, "config", "",
		"Not supported: there is one profile, and there are flags for the rest.")
	return all
}

// Validate says all that is wrong with the flags.
func (o *Options) Validate() error {
	errs := []error{o.Options.Validate()}
	if o.configFile != "" {
		errs = append(errs, fmt.Errorf("--config=%s: configuration files are not supported; use flags", o.configFile))
	}
	return errors.Join(errs...)
}
