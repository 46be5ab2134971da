package etcddb

// The buckets of etcd's database.
const (
	BucketKey            = "key"             // a row per revision, see Row
	BucketMeta           = "meta"            // the Meta keys below, among others
	BucketLease          = "lease"           // see Lease
	BucketAlarm          = "alarm"           // keys: etcdserverpb.AlarmMember
	BucketCluster        = "cluster"         // the Cluster keys below
	BucketMembers        = "members"         // id in hex: the member as JSON
	BucketRemovedMembers = "members_removed" // id in hex
	BucketAuth           = "auth"            // the Auth keys below
	BucketUsers          = "authUsers"       // name: authpb.User
	BucketRoles          = "authRoles"       // name: authpb.Role
)

// buckets are all of them, in the order in which a database has them.
var buckets = []string{
	BucketAlarm, BucketAuth, BucketRoles, BucketUsers, BucketCluster, BucketKey,
	BucketLease, BucketMembers, BucketRemovedMembers, BucketMeta,
}

// Keys in BucketMeta. Revisions are written as in BucketKey, index and term as
// 8 bytes, big endian.
const (
	MetaScheduledCompact = "scheduledCompactRev" // compaction was asked for
	MetaFinishedCompact  = "finishedCompactRev"  // compaction was done
	MetaConsistentIndex  = "consistent_index"
	MetaTerm             = "term"
	MetaStorageVersion   = "storageVersion" // since 3.6
)

// Keys in BucketCluster, since 3.5: the version as text, a downgrade as JSON.
const (
	ClusterVersion   = "clusterVersion"
	ClusterDowngrade = "downgrade"
)

// Keys in BucketAuth: one byte, 1 for enabled, and 8 bytes, big endian.
const (
	AuthEnabled  = "authEnabled"
	AuthRevision = "authRevision"
)
