package backup

import (
	"encoding/json"
	"fmt"

	"github.com/coreos/go-semver/semver"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/version"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/etcddb"
)

// importRecords brings the small records of etcd's database into a state: users, alarms, the cluster version and a downgrade.
// Members are the new cluster's.
func importRecords(db *etcddb.File, e *storage.Edit) error {
	if err := importVersions(db, e); err != nil {
		return err
	}
	if err := importUsers(db, e); err != nil {
		return err
	}
	return db.Walk(etcddb.BucketAlarm, func(k, _ []byte) error {
		m := &pb.AlarmMember{}
		if err := proto.Unmarshal(k, m); err != nil {
			return fmt.Errorf("%w: alarm %x", etcddb.ErrCorrupt, k)
		}
		return e.SetRecord(storage.TableAlarms, apply.AlarmKey(m), []byte{})
	})
}

// importVersions brings the cluster's version, and refuses what a newer etcd has written: it may mean something that is not
// known here.
func importVersions(db *etcddb.File, e *storage.Edit) error {
	stored, err := db.StorageVersion()
	if err != nil {
		return err
	}
	if err := checkVersion("storage", stored); err != nil {
		return err
	}
	text, err := db.Get(etcddb.BucketCluster, etcddb.ClusterVersion)
	if err != nil {
		return err
	}
	if err := checkVersion("cluster", string(text)); err != nil {
		return err
	}
	cluster := membership.New(0, 0, 0)
	if len(text) > 0 {
		if err := cluster.SetVersion(e, string(text)); err != nil {
			return err
		}
	}
	down, err := db.Get(etcddb.BucketCluster, etcddb.ClusterDowngrade)
	if err != nil || down == nil {
		return err
	}
	var d membership.Downgrade
	if err := json.Unmarshal(down, &d); err != nil {
		return fmt.Errorf("%w: downgrade", etcddb.ErrCorrupt)
	}
	return cluster.SetDowngrade(e, d)
}

// checkVersion refuses a version above this program's; an empty one is one of before there were any.
func checkVersion(what, text string) error {
	if text == "" {
		return nil
	}
	v, err := semver.NewVersion(text)
	if err != nil {
		return fmt.Errorf("%w: %s version %q", etcddb.ErrCorrupt, what, text)
	}
	if semver.New(version.Cluster).LessThan(semver.Version{Major: v.Major, Minor: v.Minor}) {
		return fmt.Errorf("%w: %s version %s, this program knows %s", ErrNewer, what, text, version.Cluster)
	}
	return nil
}

// exportRecords is importRecords' way back. The cluster's version stays away: whoever restores the file decides on one, and
// so every etcd from 3.4 on can.
func exportRecords(s *storage.Saved, w *etcddb.Writer) error {
	alarms, err := s.Records(storage.TableAlarms)
	if err != nil {
		return err
	}
	for _, rec := range alarms {
		m, err := apply.DecodeAlarmKey(rec.Key)
		if err != nil {
			return err
		}
		key, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			return err
		}
		if err := w.Put(etcddb.BucketAlarm, key, nil); err != nil {
			return err
		}
	}
	return exportUsers(s, w)
}
