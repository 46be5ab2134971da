package etcdutl

import (
	"fmt"
	"strings"

	"github.com/coreos/go-semver/semver"
	"github.com/spf13/cobra"

	"github.com/petcd/petcd/server/version"
)

// The oldest version that migrate's flag may name, as in etcd.
const migrateMin = "3.5.0"

// migrateCommand checks its flags as etcd's does, and then has nothing to do: petcd's state has one format, which is no
// version of etcd's schema.
func (u *utl) migrateCommand() *cobra.Command {
	var dataDir, target string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Says whether a data directory fits another version of etcd, and how to get there",
		Long: `Says whether a data directory fits a version of etcd. petcd's has a format of its own, the same
for all versions: to go to another version, save a snapshot with "etcdctl snapshot save
--format=etcd", which etcd 3.4 to 3.7 restore.`,
		RunE: u.run(func(*cobra.Command, []string) error {
			want, err := targetVersion(target)
			if err != nil {
				return &exit{exitBadArgs, err}
			}
			return u.offline(dataDir, func(*offline) error {
				if want.Equal(*semver.New(version.Storage)) {
					u.log.Info("storage version up-to-date", "storage-version", target)
					return nil
				}
				return fmt.Errorf(`petcd's data directory cannot become one of version %s; save a snapshot with "etcdctl snapshot save --format=etcd" and restore that`, target)
			})
		}),
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "data directory that no server has open (required)")
	cmd.Flags().StringVar(&target, "target-version", "", `version of etcd to go to, as "3.6" (required)`)
	cmd.Flags().Bool("force", false, "accepted for etcd's sake; nothing can be forced here")
	markRequired(cmd, "data-dir", "target-version")
	return cmd
}

// targetVersion reads a version without its patch level.
func targetVersion(text string) (*semver.Version, error) {
	if strings.Count(text, ".") != 1 {
		return nil, fmt.Errorf("wrong target version format, expected %q, got %q", "X.Y", text)
	}
	v, err := semver.NewVersion(text + ".0")
	if err != nil {
		return nil, fmt.Errorf("failed to parse target version: %w", err)
	}
	if v.LessThan(*semver.New(migrateMin)) {
		return nil, fmt.Errorf("target version %q not supported. Minimal %q", text, "3.5")
	}
	return v, nil
}
