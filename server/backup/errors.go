package backup

import "errors"

var (
	// ErrUnknown says that a file is neither petcd's archive nor etcd's database.
	ErrUnknown = errors.New("neither a snapshot of petcd nor one of etcd")
	// ErrNewer says that a file is of a later version of etcd than this program knows.
	ErrNewer = errors.New("snapshot is of a newer version of etcd")
	// ErrDatabase says that a file is etcd's database already.
	ErrDatabase = errors.New("already a database of etcd")
	// ErrSameFile says that a conversion would replace what it reads.
	ErrSameFile = errors.New("a snapshot cannot be converted in place")
	// ErrBump says that the flags on the revision don't fit together.
	ErrBump = errors.New("--mark-compacted required if --revision-bump > 0")
	// ErrDirectory says that a directory was given that etcd did not write.
	ErrDirectory = errors.New("neither a snapshot nor a data directory of etcd; \"etcdctl backup\" copies one of petcd")
	// ErrNoDirectory says that a data directory is not there.
	ErrNoDirectory = errors.New("the data directory does not exist")
	// ErrNested says that a copy would lie in what is copied, or the other way round.
	ErrNested = errors.New("one is inside the other; give the backup a directory of its own")
	// ErrInUse says that a server has a data directory of etcd open.
	ErrInUse = errors.New("in use by a running etcd")
	// ErrOfEtcd says that a data directory was written by etcd, where one of petcd is needed.
	ErrOfEtcd = errors.New("a data directory of etcd: use etcd's own etcdctl for a copy of it, or \"etcdutl snapshot restore\" for one that petcd serves")
)
