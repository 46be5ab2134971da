package v3

import (
	"errors"

	"github.com/spf13/pflag"
	clientv3 "go.etcd.io/etcd/client/v3"
)

var (
	errArgs          = errors.New("bad number of arguments")
	errArgsConflict  = errors.New("bad number of arguments (found conflicting environment key)")
	errArgsSeparator = errors.New("bad number of arguments (found separator --, but no commands)")
)

// watchFlags are the options of one watch. A line of an interactive watch has
// its own; it does not inherit those of the command.
type watchFlags struct {
	interactive    bool
	prefix         bool
	rev            int64
	prevKV         bool
	progressNotify bool
}

func (w *watchFlags) register(fs *pflag.FlagSet) {
	fs.BoolVarP(&w.interactive, "interactive", "i", false, "read watches from standard input, one a line")
	fs.BoolVar(&w.prefix, "prefix", false, "all keys that begin with the key")
	fs.Int64Var(&w.rev, "rev", 0, "begin with the events of this revision (0: with the next)")
	fs.BoolVar(&w.prevKV, "prev-kv", false, "show keys and values as they were before the event too")
	fs.BoolVar(&w.progressNotify, "progress-notify", false, "show how far the watch has come when nothing happens")
}

// watchTarget is what a watch's arguments say: the key, perhaps a range, and
// the command to run for every event.
type watchTarget struct {
	keys []string
	exec []string
}

// watchEnv is the key and range the environment gives a watch without any.
type watchEnv struct{ key, rangeEnd string }

// target splits the arguments of a watch. dash is the number of arguments
// before the double dash, or -1 without one, as pflag counts them.
func (e watchEnv) target(args []string, dash int) (watchTarget, error) {
	t := watchTarget{keys: args}
	if dash >= 0 {
		t.keys, t.exec = args[:dash], args[dash:]
		if len(t.exec) == 0 {
			return watchTarget{}, errArgsSeparator
		}
	}
	if e.key != "" {
		if len(t.keys) > 0 {
			return watchTarget{}, errArgsConflict
		}
		t.keys = []string{e.key}
		if e.rangeEnd != "" {
			t.keys = append(t.keys, e.rangeEnd)
		}
	}
	return t, nil
}

// parseWatchLine reads the words of a line of an interactive watch, without
// the first, which is "watch".
func (e watchEnv) parseWatchLine(words []string) (watchFlags, watchTarget, error) {
	var flags watchFlags
	fs := pflag.NewFlagSet("watch", pflag.ContinueOnError)
	fs.Usage = func() {}
	flags.register(fs)
	if err := fs.Parse(words); err != nil {
		return flags, watchTarget{}, err
	}
	t, err := e.target(fs.Args(), fs.ArgsLenAtDash())
	if err == nil && len(t.keys) == 0 && len(t.exec) == 0 {
		err = errArgs
	}
	return flags, t, err
}

// options are the watch's key and options.
func (w *watchFlags) options(t watchTarget) (string, []clientv3.OpOption, error) {
	if len(t.keys) == 0 {
		return "", nil, errArgs
	}
	opts := []clientv3.OpOption{clientv3.WithRev(w.rev)}
	if len(t.keys) == 2 {
		if w.prefix {
			return "", nil, errors.New("`range_end` and `--prefix` are mutually exclusive")
		}
		opts = append(opts, clientv3.WithRange(t.keys[1]))
	}
	if w.prefix {
		opts = append(opts, clientv3.WithPrefix())
	}
	if w.prevKV {
		opts = append(opts, clientv3.WithPrevKV())
	}
	if w.progressNotify {
		opts = append(opts, clientv3.WithProgressNotify())
	}
	return t.keys[0], opts, nil
}
