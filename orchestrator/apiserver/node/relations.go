package node

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/storage/ephemeral"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/podrefs"
)

// kind is that of an object to which pods refer.
type kind string

const (
	pod            kind = "pod"
	secret         kind = "secret"
	configMap      kind = "configmap"
	claim          kind = "claim"
	volume         kind = "volume"
	attachment     kind = "attachment"
	serviceAccount kind = "serviceaccount"
)

const (
	byGiven  = "node-authorizer/given"  // pods by what they give to their node
	bySecret = "node-authorizer/secret" // volumes by the secrets that a kubelet needs to mount them
)

// relations finds out which objects the pods of a node lead to.
type relations struct {
	pods, volumes cache.Indexer
	attachments   storagelisters.VolumeAttachmentLister
}

func newRelations(shared informers.SharedInformerFactory) (*relations, error) {
	pods, volumes := shared.Core().V1().Pods().Informer(), shared.Core().V1().PersistentVolumes().Informer()
	if err := pods.AddIndexers(cache.Indexers{byGiven: given}); err != nil {
		return nil, fmt.Errorf("node authorizer: %w", err)
	}
	if err := volumes.AddIndexers(cache.Indexers{bySecret: secretsOf}); err != nil {
		return nil, fmt.Errorf("node authorizer: %w", err)
	}
	return &relations{
		pods: pods.GetIndexer(), volumes: volumes.GetIndexer(), attachments: shared.Storage().V1().VolumeAttachments().Lister(),
	}, nil
}

// leads tells whether a pod on the node leads to an object.
func (r *relations) leads(node string, to kind, namespace, name string) (bool, error) {
	switch to {
	case volume:
		obj, exists, err := r.volumes.GetByKey(name)
		if err != nil || !exists {
			return false, err
		}
		return r.leadsToVolume(node, obj)
	case attachment:
		a, err := r.attachments.Get(name)
		if err != nil {
			return false, err
		}
		return a.Spec.NodeName == node, nil
	case secret:
		if ok, err := r.gives(node, secret, namespace, name); ok || err != nil {
			return ok, err
		}
		volumes, err := r.volumes.ByIndex(bySecret, namespace+"/"+name)
		if err != nil {
			return false, err
		}
		for _, v := range volumes {
			if ok, err := r.leadsToVolume(node, v); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	default:
		return r.gives(node, to, namespace, name)
	}
}

// leadsToVolume tells whether a pod on the node uses the claim that a volume is bound to.
func (r *relations) leadsToVolume(node string, obj any) (bool, error) {
	v, ok := obj.(*v1.PersistentVolume)
	if !ok || v.Spec.ClaimRef == nil {
		return false, nil
	}
	return r.gives(node, claim, v.Spec.ClaimRef.Namespace, v.Spec.ClaimRef.Name)
}

// gives tells whether a pod on the node refers to an object itself.
func (r *relations) gives(node string, what kind, namespace, name string) (bool, error) {
	keys, err := r.pods.IndexKeys(byGiven, givenKey(node, what, namespace, name))
	return len(keys) > 0, err
}

func givenKey(node string, what kind, namespace, name string) string {
	return node + " " + string(what) + " " + namespace + "/" + name
}

// given is a cache.IndexFunc.
func given(obj any) ([]string, error) {
	p, ok := obj.(*v1.Pod)
	if !ok || p.Spec.NodeName == "" {
		return nil, nil
	}
	var keys []string
	add := func(what kind, name string) {
		if name != "" {
			keys = append(keys, givenKey(p.Spec.NodeName, what, p.Namespace, name))
		}
	}
	add(pod, p.Name)
	if _, mirror := p.Annotations[v1.MirrorPodAnnotationKey]; mirror {
		return keys, nil
	}
	add(serviceAccount, p.Spec.ServiceAccountName)
	for _, name := range podrefs.Secrets(p) {
		add(secret, name)
	}
	for _, name := range podrefs.ConfigMaps(p) {
		add(configMap, name)
	}
	for i := range p.Spec.Volumes {
		v := &p.Spec.Volumes[i]
		if v.PersistentVolumeClaim != nil {
			add(claim, v.PersistentVolumeClaim.ClaimName)
		}
		if v.Ephemeral != nil {
			add(claim, ephemeral.VolumeClaimName(p, v))
		}
	}
	return keys, nil
}

// secretsOf is a cache.IndexFunc.
func secretsOf(obj any) ([]string, error) {
	v, ok := obj.(*v1.PersistentVolume)
	if !ok || v.Spec.ClaimRef == nil {
		return nil, nil
	}
	var keys []string
	for _, ref := range volumeSecrets(&v.Spec.PersistentVolumeSource) {
		if ref == nil || ref.Name == "" {
			continue
		}
		namespace := ref.Namespace
		if namespace == "" {
			namespace = v.Spec.ClaimRef.Namespace
		}
		keys = append(keys, namespace+"/"+ref.Name)
	}
	return keys, nil
}

// volumeSecrets returns what a kubelet needs to mount a volume, and not what only a controller does. Any may be nil.
func volumeSecrets(s *v1.PersistentVolumeSource) []*v1.SecretReference {
	switch {
	case s.AzureFile != nil:
		ref := &v1.SecretReference{Name: s.AzureFile.SecretName}
		if s.AzureFile.SecretNamespace != nil {
			ref.Namespace = *s.AzureFile.SecretNamespace
		}
		return []*v1.SecretReference{ref}
	case s.CephFS != nil:
		return []*v1.SecretReference{s.CephFS.SecretRef}
	case s.Cinder != nil:
		return []*v1.SecretReference{s.Cinder.SecretRef}
	case s.FlexVolume != nil:
		return []*v1.SecretReference{s.FlexVolume.SecretRef}
	case s.RBD != nil:
		return []*v1.SecretReference{s.RBD.SecretRef}
	case s.ScaleIO != nil:
		return []*v1.SecretReference{s.ScaleIO.SecretRef}
	case s.ISCSI != nil:
		return []*v1.SecretReference{s.ISCSI.SecretRef}
	case s.StorageOS != nil && s.StorageOS.SecretRef != nil:
		return []*v1.SecretReference{{Namespace: s.StorageOS.SecretRef.Namespace, Name: s.StorageOS.SecretRef.Name}}
	case s.CSI != nil:
		return []*v1.SecretReference{s.CSI.NodeStageSecretRef, s.CSI.NodePublishSecretRef, s.CSI.NodeExpandSecretRef}
	}
	return nil
}
