// Package ownerreferencespermission is the admission plugin OwnerReferencesPermissionEnforcement, which is off by default: who
// gives an object an owner must be allowed to delete the object, because the garbage collector will do that for the owner; who makes
// the object keep its owner from going must be allowed to change the owner's finalizers, which would have the same effect.
//
// Read Plugin.Validate.
package ownerreferencespermission
