package etcdutl

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/replica"
)

// recoverFlags are the flags of `recover`.
type recoverFlags struct {
	walDir, walFailoverDir string
	name, peerURLs         string
	dryRun                 bool
}

// recoverCommand makes a cluster that lost its quorum serve again from one survivor.
func (u *utl) recoverCommand() *cobra.Command {
	var flags recoverFlags
	cmd := &cobra.Command{
		Use:   "recover <data-dir>... [options]",
		Short: "Makes a cluster that lost its quorum serve again, from the best of its survivors",
		Long: `Makes the best of the given data directories the only member of its cluster. Start it with its
usual flags afterwards, and add members to it. Everything that its log holds is kept, with its
revisions; what only lost members had is gone.

Give the data directories of all members that are left. None of them may run, and none may ever
run again but the one that was chosen: clear the others' directories before they are added anew.`,
		RunE: u.run(func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return badArgs("recover requires at least one data directory")
			}
			if len(args) > 1 && flags.walDir+flags.walFailoverDir != "" {
				return badArgs("--wal-dir and --wal-failover-dir belong to one member; give one data directory")
			}
			return u.recover(args, &flags)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&flags.walDir, "wal-dir", "", "the member's --wal-dir, if it had one")
	f.StringVar(&flags.walFailoverDir, "wal-failover-dir", "", "the member's --wal-failover-dir, if it had one")
	f.StringVar(&flags.name, "name", "", "a new name for the member")
	f.StringVar(&flags.peerURLs, "initial-advertise-peer-urls", "", "new peer URLs for the member, comma-separated")
	f.BoolVar(&flags.dryRun, "dry-run", false, "only say which would be chosen, and why")
	return cmd
}

// recover opens all survivors, so that none can run meanwhile, and makes the best one stand alone.
func (u *utl) recover(dirs []string, flags *recoverFlags) (err error) {
	var urls types.URLs
	if flags.peerURLs != "" {
		if urls, err = types.NewURLs(strings.Split(flags.peerURLs, ",")); err != nil {
			return badArgs("--initial-advertise-peer-urls: %w", err)
		}
	}
	if err := allDifferent(dirs); err != nil {
		return err
	}
	var all []*replica.Survivor
	defer func() {
		for _, s := range all {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, dir := range dirs {
		s, err := u.survivor(dir, flags)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		all = append(all, s)
	}
	if err := sameCluster(all); err != nil {
		return err
	}
	best := slices.MaxFunc(all, (*replica.Survivor).Compare)
	if err := u.showSurvivors(all, best); err != nil {
		return err
	}
	if flags.dryRun {
		fmt.Fprintln(u.Stdout, "Dry run: nothing was changed.")
		return nil
	}
	if err := best.StandAlone(flags.name, urls); err != nil {
		return err
	}
	fmt.Fprintf(u.Stdout, "Recovered: member %s in %s is the only member of cluster %s. Start it with its usual flags, then add members.\n",
		membership.IDString(best.MemberID), best.Dir, membership.IDString(best.ClusterID))
	return nil
}

// allDifferent refuses a directory that is given twice: the second time it would be waited for, as one that is in use.
func allDifferent(dirs []string) error {
	var seen []os.FileInfo
	for i, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		for j, other := range seen {
			if os.SameFile(info, other) {
				return badArgs("%s and %s are the same directory", dirs[j], dirs[i])
			}
		}
		seen = append(seen, info)
	}
	return nil
}

// survivor opens one data directory once it is not in use.
func (u *utl) survivor(dir string, flags *recoverFlags) (*replica.Survivor, error) {
	c := replica.SurvivorConfig{DataDir: dir, WALDir: flags.walDir, WALFailoverDir: flags.walFailoverDir, Logger: u.log}
	return whenUnlocked(u, func() (*replica.Survivor, error) { return replica.OpenSurvivor(c) })
}

// sameCluster refuses survivors that do not belong together.
func sameCluster(all []*replica.Survivor) error {
	for i, s := range all {
		if s.ClusterID != all[0].ClusterID {
			return fmt.Errorf("%s belongs to cluster %s, %s to cluster %s", all[0].Dir, membership.IDString(all[0].ClusterID),
				s.Dir, membership.IDString(s.ClusterID))
		}
		for _, other := range all[:i] {
			if s.MemberID == other.MemberID {
				return fmt.Errorf("%s and %s are both of member %s", other.Dir, s.Dir, membership.IDString(s.MemberID))
			}
		}
	}
	return nil
}

// showSurvivors says what each survivor holds, which one is the best and why, and what may be lost.
func (u *utl) showSurvivors(all []*replica.Survivor, best *replica.Survivor) error {
	w := tabwriter.NewWriter(u.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "MEMBER\tLAST TERM\tLAST INDEX\tCOMMITTED\tAPPLIED\tREVISION\tDATA DIR")
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\n", membership.IDString(s.MemberID), s.LastTerm, s.LastIndex, s.CommitIndex,
			s.AppliedIndex, s.Revision, s.Dir)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(u.Stdout, "Chosen: %s, whose log ends furthest, at index %d of term %d.\n", best.Dir, best.LastIndex, best.LastTerm)
	showLoss(u.Stdout, all, best)
	return nil
}

// showLoss says whether acknowledged writes may be gone: not if so many voters were given that every quorum has one of
// them.
func showLoss(w io.Writer, all []*replica.Survivor, best *replica.Survivor) {
	voters, given := 0, 0
	for _, m := range best.Members {
		if m.IsLearner {
			continue
		}
		voters++
		if slices.ContainsFunc(all, func(s *replica.Survivor) bool { return s.MemberID == m.ID }) {
			given++
		}
	}
	if given > voters-(voters/2+1) {
		fmt.Fprintf(w, "%d of %d voters were given: every write that was acknowledged is in it.\n", given, voters)
		return
	}
	fmt.Fprintf(w, "%d of %d voters were given: writes that were acknowledged by the others alone are gone.\n", given, voters)
}
