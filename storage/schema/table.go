package schema

// Table is the first byte of every physical key.
type Table byte

// The tables of the state engine. The numbers are on disk: never reuse one.
const (
	// TableState holds the records that describe the state as a whole, under
	// the State keys below.
	TableState Table = 0x01
	// TableHeads maps a live user key to its newest revision. A deleted key
	// has no head.
	TableHeads Table = 0x02
	// TableVersions maps a user key and a revision to what the key held from
	// that revision on, newest first.
	TableVersions Table = 0x03
	// TableRevisions maps a revision to the user key it changed, oldest first.
	TableRevisions Table = 0x04
	// TableLeases maps a lease id to its TTL and checkpointed remaining TTL.
	TableLeases Table = 0x05
	// TableLeaseKeys holds one empty record per lease id and attached user key.
	TableLeaseKeys Table = 0x06
	// TableRuns holds the persisted live-key counters per run of user keys.
	TableRuns Table = 0x07
	// TableMembers, TableRemovedMembers, TableAlarms and TableMeta hold small
	// records whose keys and values only the server understands.
	TableMembers        Table = 0x08
	TableRemovedMembers Table = 0x09
	TableAlarms         Table = 0x0a
	TableMeta           Table = 0x0b
	// TableAuth, TableAuthUsers and TableAuthRoles are the server's as well:
	// whether authentication is on, and who may do what.
	TableAuth      Table = 0x0c
	TableAuthUsers Table = 0x0d
	TableAuthRoles Table = 0x0e

	// 0x0f is kept for auth.

	// TableV2Nodes maps a path of the v2 tree to its node, by depth. The
	// roots, which are always there, have no record.
	TableV2Nodes Table = 0x10
	// TableV2Expiries holds one empty record per node that expires, by time.
	TableV2Expiries Table = 0x11
	// TableV2Events holds the events of the newest V2EventsKept changes of the
	// v2 tree: that of an index in the slot that is the index modulo their
	// number.
	TableV2Events Table = 0x12
	// TableV2State holds the records that describe the v2 tree as a whole.
	TableV2State Table = 0x13
)

// V2StateIndex is the key in TableV2State of the v2 tree's index. Absent: 0.
const V2StateIndex = "index"

// V2EventsKept is how many events of the v2 tree are kept.
const V2EventsKept = 1000

// Keys in TableState.
const (
	// StateApplied is written by every batch: see Applied.
	StateApplied = "applied"
	// StateCompacted is the compact revision readers are held to. It is
	// written with the entry that compacts.
	StateCompacted = "compacted"
	// StateScrubbed is the compact revision up to which superseded versions
	// are physically gone. It trails StateCompacted and is no part of the
	// replicated state: each member removes at its own pace.
	StateScrubbed = "scrubbed"
)

// String names a table in errors and debug output.
func (t Table) String() string {
	switch t {
	case TableState:
		return "state"
	case TableHeads:
		return "heads"
	case TableVersions:
		return "versions"
	case TableRevisions:
		return "revisions"
	case TableLeases:
		return "leases"
	case TableLeaseKeys:
		return "leasekeys"
	case TableRuns:
		return "runs"
	case TableMembers:
		return "members"
	case TableRemovedMembers:
		return "removed_members"
	case TableAlarms:
		return "alarms"
	case TableMeta:
		return "meta"
	case TableAuth:
		return "auth"
	case TableAuthUsers:
		return "auth_users"
	case TableAuthRoles:
		return "auth_roles"
	case TableV2Nodes:
		return "v2_nodes"
	case TableV2Expiries:
		return "v2_expiries"
	case TableV2Events:
		return "v2_events"
	case TableV2State:
		return "v2_state"
	}
	return "unknown"
}
