package conformance

import (
	"testing"

	"github.com/petcd/petcd/server/process"
)

// feature is something that not every release of etcd has, or does as the
// newest does.
type feature string

const (
	rangeStream       feature = "KV.RangeStream (3.7)"
	moreStatusFields  feature = "Status fields storageVersion, dbSizeQuota, downgradeInfo (3.6)"
	hashRevision      feature = "HashKVResponse.hash_revision (3.6)"
	snapshotVersion   feature = "SnapshotResponse.version (3.6)"
	livezReadyz       feature = "/livez and /readyz (3.5.11, 3.4.29)"
	versionStorage    feature = "/version with the storage version (3.6)"
	negativeWatchFrom feature = "watch from a negative revision is refused (3.6.6)"
	sortChecked       feature = "unknown sort orders and targets are refused (3.5.22, 3.6.2); it ignores the one and panics on the other"
	updateOfLearner   feature = "MemberUpdate leaves a learner a learner (3.6.12)"
	learnerRefusal    feature = "a learner's refusal has the code FailedPrecondition (3.5)"
	tokenIgnored      feature = "a token is ignored while authentication is off (3.5)"
	alarmHeader       feature = "the answer to a list of alarms has a header (3.5)"
	keysWithoutLease  feature = "keys_only leaves out the lease too (3.7)"
	txnCheckOrder     feature = "a txn's operations are checked in their order (3.6); it checks puts first"
	downgrade         feature = "Maintenance.Downgrade (3.5)"
	peerHash          feature = "the peer port answers questions for hashes (3.5); 3.4.23 hangs up"
	hashAtCompacted   feature = "HashKV at the compacted revision (3.5)"
)

// Those of authentication.
const (
	authStatus          feature = "Auth.AuthStatus (3.5)"
	longPasswordRefused feature = "passwords beyond bcrypt's 72 bytes are refused (3.5)"
	hashBeforeLog       feature = "passwords are hashed before they are logged (3.5)"
	permissionChecked   feature = "permissions on no range are refused (3.5)"
	rootPermission      feature = "the role root shows what it may (3.5)"
	guardsClosed        feature = "leases, compactions, nested txns and watches from a key on are guarded (3.5.30, 3.6.11)"
	bearerToken         feature = "a token may begin with Bearer (3.5)"
	loginIgnoresToken   feature = "a login looks at no token (3.5)"
)

// Those of TLS.
const (
	httpPorts           feature = "--listen-client-http-urls (3.4.25)"
	allowedHostnameList feature = "a list of allowed hostnames (3.6)"
	tlsVersions         feature = "--tls-min-version and --tls-max-version (3.4.27)"
	unixPorts           feature = "client ports that are Unix sockets by their paths (3.7)"
	oneAddress          feature = "gRPC with TLS and without on one address (3.5)"
	zapLogs             feature = "these texts in its log (3.5)"
	skipAddressCheck    feature = "--peer-skip-client-san-verification works (3.5)"
)

// Those of the gateway.
const (
	gatewayErrors feature = "the form and the status of the gateway's errors (3.6)"
	hashByGateway feature = "/v3/maintenance/hashkv (3.5); 3.4.23 has it under another name"
	lostLock      feature = "a lock is refused to who waited for it and lost its lease (3.5)"
)

// apiV2 is in the releases that the cases of API 2 run on.
const apiV2 feature = "API 2 (up to 3.5)"

// lacking names what a release of etcd lacks. petcd lacks nothing.
var lacking = map[string]map[feature]bool{
	process.Etcd373: {apiV2: true},
	process.Etcd34: {
		rangeStream: true, moreStatusFields: true, hashRevision: true, snapshotVersion: true,
		livezReadyz: true, versionStorage: true, negativeWatchFrom: true,
		sortChecked: true, updateOfLearner: true, hashAtCompacted: true, peerHash: true,
		learnerRefusal: true, tokenIgnored: true, alarmHeader: true, downgrade: true, keysWithoutLease: true, txnCheckOrder: true,
		gatewayErrors: true, hashByGateway: true, lostLock: true,
		authStatus: true, longPasswordRefused: true, hashBeforeLog: true, permissionChecked: true, rootPermission: true, guardsClosed: true, bearerToken: true, loginIgnoresToken: true,
		httpPorts: true, allowedHostnameList: true, tlsVersions: true, skipAddressCheck: true, unixPorts: true, oneAddress: true, zapLogs: true,
	},
}

// has says whether a target has a feature.
func (tg target) has(f feature) bool { return !lacking[tg.name][f] }

// needs ends a case on a target that lacks the feature it is about, and says
// so.
func needs(t *testing.T, e *env, f feature) {
	t.Helper()
	e.target.needs(t, f)
}

// needs is that for a test that is no case of the suite.
func (tg target) needs(t *testing.T, f feature) {
	t.Helper()
	if !tg.has(f) {
		t.Skipf("etcd %s lacks %s", tg.name, f)
	}
}
