package replica

import (
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/auth"
)

// Auth is the users and roles, as of what is applied here, and this member's tokens.
func (r *Replica) Auth() *auth.Store { return r.auth }

// ServerHeader is the header of a request that this member makes by itself where a client would need a permission. A
// request without a header is nobody's.
func (r *Replica) ServerHeader() *pb.RequestHeader {
	c := r.auth.Server()
	return &pb.RequestHeader{Username: c.Name, AuthRevision: c.Revision}
}

// openAuth makes the store of users and roles; it is filled when the applier is loaded.
func (r *Replica) openAuth() error {
	last, err := r.log.LastIndex()
	if err != nil {
		return err
	}
	r.loginsAfter = last
	if r.auth != nil {
		return nil // made before a repair
	}
	m := &r.cfg.Member
	r.auth, err = auth.New(auth.Config{
		Token:       m.AuthToken,
		TokenTTL:    time.Duration(m.AuthTokenTTL) * time.Second,
		BcryptCost:  int(min(m.BcryptCost, 1<<30)),
		WaitApplied: r.applied.wait,
		WaitMax:     m.RequestTimeout(),
		Logger:      r.logger,
		Registerer:  r.cfg.Registerer,
	})
	if err != nil {
		return fmt.Errorf("replica: --auth-token: %w", err)
	}
	return nil
}

// login is an applied entry that let a user in.
type login struct {
	index        uint64
	user, prefix string
	resp         *pb.AuthenticateResponse
}

// noteLogin keeps a login until its batch is committed. One that was in the log already when this member started is passed
// over: its token ended with the process before, on this member, and must not begin a new life by being applied again.
func (l *applyLoop) noteLogin(index uint64, req *pb.InternalRaftRequest, resp proto.Message) {
	if r, ok := resp.(*pb.AuthenticateResponse); ok && index > l.r.loginsAfter {
		l.logins = append(l.logins, login{index, req.Authenticate.GetName(), req.Authenticate.GetSimpleToken(), r})
	}
}

// admit makes the tokens of a committed batch's logins.
func (l *applyLoop) admit() {
	for _, in := range l.logins {
		in.resp.Token = l.r.auth.Admit(in.user, in.prefix, in.index)
	}
	l.logins = l.logins[:0]
}
