package tables

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
)

// Annotations that make a storage class the one of claims that name none.
const (
	defaultClass     = "storageclass.kubernetes.io/is-default-class"
	defaultClassBeta = "storageclass.beta.kubernetes.io/is-default-class"
)

// storage are the storage group, and the volumes and claims of the core group.
func storage() []printer {
	return []printer{persistentVolumes(), persistentVolumeClaims(), storageClasses(), csiDrivers(), csiNodes(), volumeAttachments()}
}

// persistentVolumes say by whom they are claimed.
func persistentVolumes() printer {
	spec, status := v1.PersistentVolumeSpec{}.SwaggerDoc(), v1.PersistentVolumeStatus{}.SwaggerDoc()
	return printerOf(columns{
		nameColumn(),
		col("Capacity", text, spec["capacity"]),
		col("Access Modes", text, spec["accessModes"]),
		col("Reclaim Policy", text, spec["persistentVolumeReclaimPolicy"]),
		col("Status", text, status["phase"]),
		col("Claim", text, spec["claimRef"]),
		col("StorageClass", text, "StorageClass of the pv"),
		col("VolumeAttributesClass", text, "VolumeAttributesClass of the pv"),
		col("Reason", text, status["reason"]),
		ageColumn(),
		wide("VolumeMode", spec["volumeMode"]),
	}, func(v *v1.PersistentVolume, at now) []any {
		claim := ""
		if ref := v.Spec.ClaimRef; ref != nil {
			claim = slashed(ref.Namespace, ref.Name)
		}
		phase := v.Status.Phase
		if v.DeletionTimestamp != nil {
			phase = "Terminating"
		}
		return []any{
			v.Name, v.Spec.Capacity.Storage().String(), accessModes(v.Spec.AccessModes), string(v.Spec.PersistentVolumeReclaimPolicy),
			string(phase), claim, volume.GetPersistentVolumeClass(v), ptr.Deref(v.Spec.VolumeAttributesClassName, unset),
			v.Status.Reason, at.age(v), string(ptr.Deref(v.Spec.VolumeMode, unset)),
		}
	})
}

// persistentVolumeClaims show what they got, not what they asked for.
func persistentVolumeClaims() printer {
	spec, status := v1.PersistentVolumeClaimSpec{}.SwaggerDoc(), v1.PersistentVolumeClaimStatus{}.SwaggerDoc()
	return printerOf(columns{
		nameColumn(),
		col("Status", text, status["phase"]),
		col("Volume", text, spec["volumeName"]),
		col("Capacity", text, status["capacity"]),
		col("Access Modes", text, status["accessModes"]),
		col("StorageClass", text, "StorageClass of the pvc"),
		col("VolumeAttributesClass", text, "VolumeAttributesClass of the pvc"),
		ageColumn(),
		wide("VolumeMode", spec["volumeMode"]),
	}, func(c *v1.PersistentVolumeClaim, at now) []any {
		phase := c.Status.Phase
		if c.DeletionTimestamp != nil {
			phase = "Terminating"
		}
		var capacity, modes string // of the volume, once there is one
		if c.Spec.VolumeName != "" {
			capacity, modes = c.Status.Capacity.Storage().String(), accessModes(c.Status.AccessModes)
		}
		return []any{
			c.Name, string(phase), c.Spec.VolumeName, capacity, modes, volume.GetPersistentVolumeClaimClass(c),
			ptr.Deref(c.Spec.VolumeAttributesClassName, unset), at.age(c), string(ptr.Deref(c.Spec.VolumeMode, unset)),
		}
	})
}

// accessModes are abbreviated, in this order, each once.
func accessModes(modes []v1.PersistentVolumeAccessMode) string {
	var all []string
	for _, m := range []struct {
		mode  v1.PersistentVolumeAccessMode
		short string
	}{
		{v1.ReadWriteOnce, "RWO"}, {v1.ReadOnlyMany, "ROX"}, {v1.ReadWriteMany, "RWX"}, {v1.ReadWriteOncePod, "RWOP"},
	} {
		if slices.Contains(modes, m.mode) {
			all = append(all, m.short)
		}
	}
	return strings.Join(all, ",")
}

// storageClasses mark the default one in its name.
func storageClasses() printer {
	doc := storagev1.StorageClass{}.SwaggerDoc()
	return printerOf(columns{
		nameColumn(),
		col("Provisioner", text, doc["provisioner"]),
		col("ReclaimPolicy", text, doc["reclaimPolicy"]),
		col("VolumeBindingMode", text, doc["volumeBindingMode"]),
		col("AllowVolumeExpansion", text, doc["allowVolumeExpansion"]),
		ageColumn(),
	}, func(c *storagev1.StorageClass, at now) []any {
		name := c.Name
		if c.Annotations[defaultClass] == "true" || c.Annotations[defaultClassBeta] == "true" {
			name += " (default)"
		}
		return []any{
			name, c.Provisioner, string(ptr.Deref(c.ReclaimPolicy, v1.PersistentVolumeReclaimDelete)),
			string(ptr.Deref(c.VolumeBindingMode, storagev1.VolumeBindingImmediate)), ptr.Deref(c.AllowVolumeExpansion, false), at.age(c),
		}
	})
}

// csiDrivers show what they need of kubelets and controllers.
func csiDrivers() printer {
	doc := storagev1.CSIDriverSpec{}.SwaggerDoc()
	return printerOf(columns{
		nameColumn(),
		col("AttachRequired", truth, doc["attachRequired"]),
		col("PodInfoOnMount", truth, doc["podInfoOnMount"]),
		col("StorageCapacity", truth, doc["storageCapacity"]),
		col("TokenRequests", text, doc["tokenRequests"]),
		col("RequiresRepublish", truth, doc["requiresRepublish"]),
		col("Modes", text, doc["volumeLifecycleModes"]),
		ageColumn(),
	}, func(d *storagev1.CSIDriver, at now) []any {
		var audiences, modes []string
		for _, r := range d.Spec.TokenRequests {
			audiences = append(audiences, r.Audience)
		}
		for _, m := range d.Spec.VolumeLifecycleModes {
			modes = append(modes, string(m))
		}
		return []any{
			d.Name, ptr.Deref(d.Spec.AttachRequired, true), ptr.Deref(d.Spec.PodInfoOnMount, false),
			ptr.Deref(d.Spec.StorageCapacity, false), or(strings.Join(audiences, ","), unset),
			ptr.Deref(d.Spec.RequiresRepublish, false), or(strings.Join(modes, ","), none), at.age(d),
		}
	})
}

// csiNodes say how many drivers a node has.
func csiNodes() printer {
	return printerOf(columns{
		nameColumn(), col("Drivers", number, "Drivers indicates the number of CSI drivers registered on the node"), ageColumn(),
	}, func(n *storagev1.CSINode, at now) []any {
		return []any{n.Name, int64(len(n.Spec.Drivers)), at.age(n)}
	})
}

// volumeAttachments say what is attached where, and by which driver.
func volumeAttachments() printer {
	spec := storagev1.VolumeAttachmentSpec{}.SwaggerDoc()
	return printerOf(columns{
		nameColumn(),
		col("Attacher", text, spec["attacher"]),
		col("PV", text, storagev1.VolumeAttachmentSource{}.SwaggerDoc()["persistentVolumeName"]),
		col("Node", text, spec["nodeName"]),
		col("Attached", truth, storagev1.VolumeAttachmentStatus{}.SwaggerDoc()["attached"]),
		ageColumn(),
	}, func(a *storagev1.VolumeAttachment, at now) []any {
		return []any{
			a.Name, a.Spec.Attacher, ptr.Deref(a.Spec.Source.PersistentVolumeName, ""), a.Spec.NodeName, a.Status.Attached, at.age(a),
		}
	})
}
