// Package storageobjectinuse is the admission plugin StorageObjectInUseProtection: new volumes and claims of volumes get a finalizer,
// so that they stay after their deletion for as long as they are in use. The protection controllers take it off.
//
// Read Plugin. Classes of volume attributes are not protected: no controller of ours would take their finalizer off.
package storageobjectinuse
