package tables

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"
)

// coordination are leases: of nodes, and of leaders.
func coordination() []printer {
	return []printer{printerOf(columns{
		nameColumn(), col("Holder", text, coordinationv1.LeaseSpec{}.SwaggerDoc()["holderIdentity"]), ageColumn(),
	}, func(l *coordinationv1.Lease, at now) []any {
		return []any{l.Name, ptr.Deref(l.Spec.HolderIdentity, ""), at.age(l)}
	})}
}
