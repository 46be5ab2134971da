package validation

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// volumes checks what a pod's containers can mount: by one name one source.
func volumes(at path, all []v1.Volume) errs {
	return slices.Concat(
		each(at, all, func(at path, v *v1.Volume) errs {
			return slices.Concat(
				needValid(at.Child("name"), v.Name, label),
				oneMember(at, &v.VolumeSource, "must specify a volume type", "may not specify more than 1 volume type"),
				volumeSource(at, &v.VolumeSource),
			)
		}),
		unique(at, all, "name", func(v *v1.Volume) string { return v.Name }),
	)
}

// volumeSource checks where a volume's content comes from, for all sources that are given.
func volumeSource(at path, s *v1.VolumeSource) errs {
	var all errs
	if e := s.EmptyDir; e != nil && e.SizeLimit != nil && e.SizeLimit.Sign() < 0 {
		all = append(all, field.Forbidden(at.Child("emptyDir", "sizeLimit"), "SizeLimit field must be a valid resource quantity"))
	}
	if h := s.HostPath; h != nil {
		all = append(all, hostPath(at.Child("hostPath"), h)...)
	}
	if c := s.ConfigMap; c != nil {
		at := at.Child("configMap")
		all = slices.Concat(all, need(at.Child("name"), c.Name), files(at, c.DefaultMode, c.Items))
	}
	if c := s.Secret; c != nil {
		at := at.Child("secret")
		all = slices.Concat(all, need(at.Child("secretName"), c.SecretName), files(at, c.DefaultMode, c.Items))
	}
	if d := s.DownwardAPI; d != nil {
		at := at.Child("downwardAPI")
		all = slices.Concat(all, mode(at.Child("defaultMode"), d.DefaultMode), downwardFiles(at, d.Items))
	}
	if p := s.Projected; p != nil {
		all = append(all, projected(at.Child("projected"), p)...)
	}
	if c := s.PersistentVolumeClaim; c != nil {
		all = append(all, need(at.Child("persistentVolumeClaim", "claimName"), c.ClaimName)...)
	}
	if e := s.Ephemeral; e != nil {
		all = append(all, ephemeralVolume(at.Child("ephemeral"), e)...)
	}
	if i := s.Image; i != nil {
		at := at.Child("image")
		all = slices.Concat(all, need(at.Child("reference"), i.Reference),
			oneOf(at.Child("pullPolicy"), i.PullPolicy, v1.PullAlways, v1.PullIfNotPresent, v1.PullNever))
	}
	if n := s.NFS; n != nil {
		all = append(all, nfs(at.Child("nfs"), n)...)
	}
	if c := s.CSI; c != nil {
		all = append(all, driver(at.Child("csi", "driver"), c.Driver)...)
	}
	return append(all, remoteSource(at, s)...)
}

// hostPath checks a path of the node, and what is expected there.
func hostPath(at path, h *v1.HostPathVolumeSource) errs {
	if h.Path == "" {
		return need(at.Child("path"), "")
	}
	kinds := []v1.HostPathType{v1.HostPathUnset, v1.HostPathDirectoryOrCreate, v1.HostPathDirectory, v1.HostPathFileOrCreate,
		v1.HostPathFile, v1.HostPathSocket, v1.HostPathCharDev, v1.HostPathBlockDev}
	return append(noBacksteps(at.Child("path"), h.Path), oneOfPtr(at.Child("type"), h.Type, kinds...)...)
}

// nfs asks for a server and for what it exports.
func nfs(at path, n *v1.NFSVolumeSource) errs {
	return slices.Concat(need(at.Child("server"), n.Server), need(at.Child("path"), n.Path),
		when(n.Path != "" && n.Path[0] != '/', field.Invalid(at.Child("path"), n.Path, "must be an absolute path")))
}

// driver asks for the name of a CSI driver.
func driver(at path, name string) errs {
	const most = 63
	return slices.Concat(needValid(at, name, func(s string) []string { return subdomain(strings.ToLower(s)) }),
		when(len(name) > most, field.TooLong(at, name, most)))
}

// ephemeralVolume checks the claim that is made for a pod and goes with it.
func ephemeralVolume(at path, e *v1.EphemeralVolumeSource) errs {
	at = at.Child("volumeClaimTemplate")
	if e.VolumeClaimTemplate == nil {
		return errs{field.Required(at, "")}
	}
	t := e.VolumeClaimTemplate
	return append(templateMeta(at.Child("metadata"), &t.ObjectMeta), claimSpec(at.Child("spec"), &t.Spec)...)
}

// files checks which keys become files of which names.
func files(at path, defaultMode *int32, items []v1.KeyToPath) errs {
	return slices.Concat(
		mode(at.Child("defaultMode"), defaultMode),
		each(at.Child("items"), items, func(at path, i *v1.KeyToPath) errs {
			return slices.Concat(need(at.Child("key"), i.Key), needPathInside(at.Child("path"), i.Path), mode(at.Child("mode"), i.Mode))
		}),
	)
}

// maxMode are all permissions of a file that can be given.
const maxMode = 0o777

// mode asks for permissions of files. None means the default.
func mode(at path, m *int32) errs {
	return when(m != nil && (*m < 0 || *m > maxMode),
		field.Invalid(at, m, "must be a number between 0 and 0777 (octal), both inclusive"))
}

// downwardFiles reports all files at the volume itself, as it has always been.
func downwardFiles(at path, items []v1.DownwardAPIVolumeFile) errs {
	return each(at, items, func(_ path, f *v1.DownwardAPIVolumeFile) errs { return downwardFile(at, f) })
}

// downwardFile checks a file that tells about the pod, or about the resources of one of its containers.
func downwardFile(at path, f *v1.DownwardAPIVolumeFile) errs {
	all := slices.Concat(needPathInside(at.Child("path"), f.Path), mode(at.Child("mode"), f.Mode))
	switch {
	case f.FieldRef != nil && f.ResourceFieldRef != nil:
		return append(all, field.Invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
	case f.FieldRef != nil:
		return append(all, fieldRef(at.Child("fieldRef"), f.FieldRef, volumeFields)...)
	case f.ResourceFieldRef != nil:
		return append(all, resourceFieldRef(at.Child("resourceFieldRef"), f.ResourceFieldRef, true)...)
	default:
		return append(all, field.Required(at, "one of fieldRef and resourceFieldRef is required"))
	}
}

// projected checks a folder that is put together from several sources.
func projected(at path, p *v1.ProjectedVolumeSource) errs {
	return append(mode(at.Child("defaultMode"), p.DefaultMode), each(at.Child("sources"), p.Sources, projection)...)
}

// projection checks one of those.
func projection(at path, s *v1.VolumeProjection) errs {
	all := oneMember(at, s, "", "may not specify more than 1 volume type per source")
	if c := s.ConfigMap; c != nil {
		at := at.Child("configMap")
		all = slices.Concat(all, need(at.Child("name"), c.Name), files(at, nil, c.Items))
	}
	if c := s.Secret; c != nil {
		at := at.Child("secret")
		all = slices.Concat(all, need(at.Child("name"), c.Name), files(at, nil, c.Items))
	}
	if d := s.DownwardAPI; d != nil {
		all = append(all, downwardFiles(at.Child("downwardAPI"), d.Items)...)
	}
	if t := s.ServiceAccountToken; t != nil {
		at := at.Child("serviceAccountToken")
		all = slices.Concat(all, tokenLife(at.Child("expirationSeconds"), t.ExpirationSeconds), needPathInside(at.Child("path"), t.Path))
	}
	if b := s.ClusterTrustBundle; b != nil {
		at := at.Child("clusterTrustBundle")
		all = append(all, when((b.Name == nil) == (b.SignerName == nil),
			field.Required(at, "exactly one of name or signerName must be set"))...)
		all = append(all, needPathInside(at.Child("path"), b.Path)...)
	}
	return all
}

// Less than ten minutes leave no time to renew a token; more than fits 32 bits overflows elsewhere.
const (
	minTokenSeconds = 10 * 60
	maxTokenSeconds = 1 << 32
)

// tokenLife asks that a token lasts long enough to be renewed.
func tokenLife(at path, seconds *int64) errs {
	switch {
	case seconds == nil:
		return errs{field.Required(at, "")}
	case *seconds < minTokenSeconds:
		return errs{field.Invalid(at, *seconds, "may not specify a duration less than 10 minutes")}
	case *seconds > maxTokenSeconds:
		return errs{field.Invalid(at, *seconds, "may not specify a duration larger than 2^32 seconds")}
	}
	return nil
}
