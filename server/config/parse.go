package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Notice is something Parse wants logged once there is a logger.
type Notice struct {
	Warn    bool
	Message string
	// Attrs are alternating keys and values, as slog takes them.
	Attrs []any
}

// Parse reads a command line (without the program's name) and an environment
// in os.Environ's form. ErrHelp and ErrVersion ask the program for a text; an
// ErrUsage is a command line that does not parse; any other error is a
// configuration that etcd refuses too.
//
// With --config-file, or ETCD_CONFIG_FILE, the file is everything: flags must
// parse, but neither they nor the environment count.
func Parse(args, env []string) (*Config, error) {
	p := newParser()
	switch err := p.flags.Parse(args); {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		return nil, ErrHelp
	default:
		return nil, &usageError{err}
	}
	if p.flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is not a valid flag", p.flags.Arg(0))
	}
	if p.raw.version {
		return nil, ErrVersion
	}
	path := p.raw.configFile
	if path == "" {
		path = lookupEnv(env, "ETCD_CONFIG_FILE")
	}
	if path != "" {
		return ParseFile(path)
	}
	if err := p.readEnv(env); err != nil {
		return nil, err
	}
	if p.isSet("listen-client-urls") && !p.isSet("advertise-client-urls") {
		p.config.AdvertiseClientURLs = nil
	}
	return p.finish()
}

// ParseFile reads a YAML configuration file.
func ParseFile(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := parseYAML(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.Notices = append([]Notice{{
		Message: "loaded server configuration, other configuration command line flags and environment variables will be ignored if provided",
		Attrs:   []any{"path", path},
	}}, c.Notices...)
	return c, nil
}

// parser is one reading of the settings' table.
type parser struct {
	config   Config
	raw      raw
	sections []section
	flags    *flag.FlagSet
	fileOnly map[string]*value // settings that only a YAML file has
}

// newParser is a parser with every setting at its default.
func newParser() *parser {
	p := &parser{config: Default()}
	p.raw = raw{
		initialCluster: p.config.InitialCluster.String(),
		retention:      "0",
		logger:         "zap",
		fallback:       "exit",
		rotation:       defaultRotation,
		namedGates:     map[string]bool{},
	}
	p.sections = table(&p.config, &p.raw)
	p.flags = flagSet(p.sections)
	p.fileOnly = fileOnly(&p.config)
	for _, name := range silentlyIgnored {
		p.flags.Var(fixed(kindString, ""), name, "")
	}
	return p
}

// isSet reports whether a setting was given, also with its default value.
func (p *parser) isSet(name string) bool {
	found := false
	p.flags.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// notice records something to log.
func (p *parser) notice(warn bool, message string, attrs ...any) {
	p.config.Notices = append(p.config.Notices, Notice{Warn: warn, Message: message, Attrs: attrs})
}

// finish works out what depends on several settings, then validates.
func (p *parser) finish() (*Config, error) {
	for _, sec := range p.sections {
		for _, st := range sec.settings {
			if err := errors.Join(p.checkFormer(st), p.judge(st)); err != nil {
				return nil, err
			}
		}
	}
	if p.raw.fallback == "proxy" {
		return nil, fmt.Errorf("v2 proxy is deprecated, and --discovery-fallback can't be configured as %q", "proxy")
	}
	c := &p.config
	if err := p.logging(); err != nil {
		return nil, err
	}
	p.defaults()
	if c.discovers() && !p.isSet("initial-cluster") {
		p.raw.initialCluster = ""
	}
	if p.raw.initialCluster == "" {
		c.InitialCluster = nil
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var err error
	if c.InitialCluster, err = initialCluster(p.raw.initialCluster, c); err != nil {
		return nil, err
	}
	if err = c.setRetention(p.raw.retention); err != nil {
		return nil, err
	}
	p.advise()
	return c, nil
}

// judge refuses settings of features that are not there and notes those
// without effect.
func (p *parser) judge(st setting) error {
	if st.fate == built || st.fate == former || st.value.String() == st.initial {
		return nil
	}
	if st.fate == refused {
		return fmt.Errorf("--%s=%s: %s: %w", st.name, st.value, st.why, ErrNotBuilt)
	}
	p.notice(true, "the flag has no effect in petcd", "flag", "--"+st.name, "value", st.value.String(), "why", st.why)
	return nil
}

// logging works out what the logging flags say together.
func (p *parser) logging() error {
	c := &p.config
	switch p.raw.logger {
	case "zap":
	case "capnslog":
		return errors.New("--logger=capnslog is removed in v3.5")
	default:
		return fmt.Errorf("unknown logger option %q", p.raw.logger)
	}
	if p.raw.debug {
		c.LogLevel = "debug"
	}
	if p.raw.logRotation {
		c.LogRotation = p.raw.rotation
	}
	if len(c.LogOutputs) == 0 {
		c.LogOutputs = Default().LogOutputs
	}
	return nil
}

// advise notes what is allowed and seldom meant.
func (p *parser) advise() {
	c := &p.config
	if c.Name == DefaultName {
		p.notice(true, "it isn't recommended to use default name, please set a value for --name. "+
			"Note that etcd might run into issue when multiple members have the same default name", "name", c.Name)
	}
	if c.FeatureGates["LeaseCheckpoint"] && !c.FeatureGates["LeaseCheckpointPersist"] {
		p.notice(true, "Detected that checkpointing is enabled without persistence. Consider enabling feature gate LeaseCheckpointPersist")
	}
	if c.DataDir == "" {
		c.DataDir = c.Name + ".etcd"
		p.notice(true, "'data-dir' was empty; using default", "data-dir", c.DataDir)
	}
}

// defaults replaces the zeros that etcd reads as "take the default".
func (p *parser) defaults() {
	c, d := &p.config, Default()
	if c.SnapshotCount == 0 {
		c.SnapshotCount = d.SnapshotCount
		p.notice(false, "updating snapshot-count to default",
			"given-snapshot-count", 0, "updated-snapshot-count", d.SnapshotCount)
	}
	if c.SnapshotCatchUpEntries == 0 {
		c.SnapshotCatchUpEntries = d.SnapshotCatchUpEntries
		p.notice(false, "updating snapshot catch-up entries to default",
			"given-snapshot-catchup-entries", 0, "updated-snapshot-catchup-entries", d.SnapshotCatchUpEntries)
	}
	if c.BcryptCost < bcryptMin || c.BcryptCost > bcryptMax {
		p.notice(true, "use default bcrypt cost instead of the invalid given cost",
			"min-cost", bcryptMin, "max-cost", bcryptMax, "default-cost", d.BcryptCost, "given-cost", c.BcryptCost)
		c.BcryptCost = d.BcryptCost
	}
	if c.CompactionBatchLimit == 0 {
		c.CompactionBatchLimit = d.CompactionBatchLimit
	}
	if c.CompactionSleepInterval == 0 {
		c.CompactionSleepInterval = d.CompactionSleepInterval
	}
	if c.WarningUnaryRequestDuration == 0 {
		c.WarningUnaryRequestDuration = d.WarningUnaryRequestDuration
	}
	if c.WatchProgressNotifyInterval == 0 {
		c.WatchProgressNotifyInterval = d.WatchProgressNotifyInterval
	}
	if c.WatchProgressNotifyInterval >= 0 && c.WatchProgressNotifyInterval < MinWatchProgressInterval {
		c.WatchProgressNotifyInterval = MinWatchProgressInterval
		p.notice(true, "adjusting watch progress notify interval to minimum period",
			"min-watch-progress-notify-interval", MinWatchProgressInterval.String())
	}
}

// names lists every registered setting, sorted.
func (p *parser) names() []string {
	var names []string
	p.flags.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	slices.Sort(names)
	return names
}

// envName is the variable that stands for a flag.
func envName(flagName string) string {
	return "ETCD_" + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}

// lookupEnv finds a variable in os.Environ's form; the last one wins.
func lookupEnv(env []string, name string) string {
	found := ""
	for _, kv := range env {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			found = v
		}
	}
	return found
}
