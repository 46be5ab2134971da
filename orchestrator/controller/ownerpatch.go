package controller

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/types"
)

// ownerPatch is a strategic merge patch of an object's owners. The UID in it makes it fail on another object of the same name.
type ownerPatch struct {
	Metadata ownerPatchMeta `json:"metadata"`
}

type ownerPatchMeta struct {
	UID             types.UID `json:"uid"`
	OwnerReferences []any     `json:"ownerReferences"`
}

func (p *ownerPatch) encode() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic("controller: a patch that cannot be encoded: " + err.Error()) // strings and bools only
	}
	return b
}
