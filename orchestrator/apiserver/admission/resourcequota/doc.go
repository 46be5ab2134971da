// Package resourcequota is the admission plugin ResourceQuota: what is about to be created is charged to the quotas of its namespace
// first, and refused if one of them has no room for it.
//
// Read Plugin.Validate, then charge. The charge is a compare-and-swap on the quota's status: two apiservers never give the same
// room twice. It comes last of all plugins; if the object isn't stored after all, the charge stays until the resource quota
// controller adds up again. A refusal is never made from the informer's word alone. Dry runs are checked and charge nothing.
//
// What an object counts as is package quota's to say. A quota whose status its controller has not yet written limits nothing.
package resourcequota
