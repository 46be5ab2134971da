package recipes

import (
	"google.golang.org/grpc"

	"github.com/petcd/petcd/server/recipes/v3electionpb"
	"github.com/petcd/petcd/server/recipes/v3lockpb"
)

// Register adds the Lock and Election services to s. They do their work through
// services, which must have KV, Lease and Watch.
func Register(s grpc.ServiceRegistrar, services *Channel) {
	v3lockpb.RegisterLockServer(s, &lockService{services: services})
	v3electionpb.RegisterElectionServer(s, &electionService{services: services})
}
