package printer

import clientv3 "go.etcd.io/etcd/client/v3"

// Done is the reply to a command that changes something and has nothing to
// show but that it worked. Only the simple format prints the text; the others
// print the response.
type Done struct {
	Text     string
	Response any
}

// TimeToLive is the state of one lease.
type TimeToLive struct {
	Response *clientv3.LeaseTimeToLiveResponse
	WithKeys bool // the keys were asked for, so an empty list is shown as one
}

// MemberAdded is the reply to `member add`. The simple format ends with the
// settings the new member is to be started with, for which it needs what the
// user called it.
type MemberAdded struct {
	Response *clientv3.MemberAddResponse
	Name     string // as given; the cluster learns it when the member starts
	PeerURLs string // as given, separated by commas
}

// RoleGot is the permissions of one role.
type RoleGot struct {
	Response *clientv3.AuthRoleGetResponse
	Role     string
}

// UserGot is the roles of one user.
type UserGot struct {
	Response *clientv3.AuthUserGetResponse
	User     string
}

// EndpointHealth is whether one endpoint committed a proposal, and how fast.
type EndpointHealth struct {
	Endpoint string `json:"endpoint"`
	Health   bool   `json:"health"`
	Took     string `json:"took"`
	Error    string `json:"error,omitempty"`
}

// EndpointStatus is what one endpoint says about its member.
type EndpointStatus struct {
	Endpoint string                   `json:"Endpoint"`
	Status   *clientv3.StatusResponse `json:"Status"`
}

// EndpointHash is one endpoint's hash over the history of keys.
type EndpointHash struct {
	Endpoint string                   `json:"Endpoint"`
	HashKV   *clientv3.HashKVResponse `json:"HashKV"`
}

// SnapshotStatus is what a saved snapshot holds. Version is empty where the
// snapshot does not tell who wrote it.
type SnapshotStatus struct {
	Hash      uint32 `json:"hash"`
	Revision  int64  `json:"revision"`
	TotalKey  int    `json:"totalKey"`
	TotalSize int64  `json:"totalSize"` // bytes
	Version   string `json:"version"`
}

// response is what the server sent, without what the reply types of this
// package add to it.
func response(reply any) any {
	switch r := reply.(type) {
	case Done:
		return r.Response
	case TimeToLive:
		return r.Response
	case MemberAdded:
		return r.Response
	case RoleGot:
		return r.Response
	case UserGot:
		return r.Response
	}
	return reply
}
