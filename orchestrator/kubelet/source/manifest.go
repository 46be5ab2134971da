package source

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/api"
	"github.com/petcd/petcd/orchestrator/api/validation"
)

// maxManifest is how large a manifest may be; a larger one is no pod.
const maxManifest = 10 << 20

// uidLength is how many digits a static pod's UID has.
const uidLength = 32

// reader makes static pods of manifests.
type reader struct {
	node    string
	scheme  *runtime.Scheme
	decoder runtime.Decoder
}

func newReader(node string) (*reader, error) {
	scheme, err := api.NewScheme()
	if err != nil {
		return nil, fmt.Errorf("static pods: %w", err)
	}
	return &reader{node, scheme, serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()}, nil
}

// folder reads all manifests of a folder. A file that isn't a pod is an error in errs and nothing else.
func (r *reader) folder(path string) (pods []*v1.Pod, errs []error, err error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) { // not yet
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("static pods: %w", err)
	}
	seen := map[types.NamespacedName]string{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || e.IsDir() {
			continue
		}
		file := filepath.Join(path, e.Name())
		pod, err := r.file(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("static pod %s: %w", file, err))
			continue
		}
		if other, taken := seen[key(pod)]; taken {
			errs = append(errs, fmt.Errorf("static pod %s: %s has a pod of the same name", file, other))
			continue
		}
		seen[key(pod)] = file
		pods = append(pods, pod)
	}
	return pods, errs, nil
}

func (r *reader) file(path string) (*v1.Pod, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxManifest {
		return nil, errors.New("not a regular file of a manifest's size")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	object, _, err := r.decoder.Decode(text, nil, nil)
	if err != nil {
		return nil, err
	}
	pod, is := object.(*v1.Pod)
	if !is {
		return nil, fmt.Errorf("%T is no pod", object)
	}
	r.scheme.Default(pod)
	return pod, r.complete(pod, path)
}

// complete gives a manifest's pod what the apiserver would have given it.
func (r *reader) complete(pod *v1.Pod, path string) error {
	if pod.Name == "" {
		return errors.New("it has no name")
	}
	text, err := json.Marshal(pod)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s", r.node, path, text))
	uid := hex.EncodeToString(digest[:])[:uidLength]
	pod.Name += "-" + strings.ToLower(r.node)
	pod.Namespace = cmp.Or(pod.Namespace, metav1.NamespaceDefault)
	pod.UID, pod.Spec.NodeName = types.UID(uid), r.node
	pod.Generation = cmp.Or(pod.Generation, 1)
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[AnnotationHash], pod.Annotations[AnnotationSource] = uid, fromFile
	pod.Annotations[AnnotationSeen] = time.Now().Format(time.RFC3339Nano)
	delete(pod.Annotations, AnnotationMirror)
	pod.Spec.Tolerations = append(pod.Spec.Tolerations, v1.Toleration{Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute})
	pod.Spec.EnableServiceLinks = ptr.To(ptr.Deref(pod.Spec.EnableServiceLinks, true))
	pod.Status = v1.PodStatus{Phase: v1.PodPending}
	if err := refuseReferences(pod); err != nil {
		return err
	}
	return validation.Create(pod).ToAggregate()
}

// refuseReferences refuses what only the apiserver has: a static pod starts without it.
func refuseReferences(pod *v1.Pod) error {
	var what string
	switch {
	case pod.Spec.ServiceAccountName != "":
		what = "service accounts"
	case len(pod.Spec.ResourceClaims) > 0:
		what = "resource claims"
	}
	for _, v := range pod.Spec.Volumes {
		switch {
		case v.Secret != nil:
			what = "secrets"
		case v.ConfigMap != nil:
			what = "configmaps"
		case v.PersistentVolumeClaim != nil:
			what = "persistentvolumeclaims"
		case v.Projected != nil:
			for _, s := range v.Projected.Sources {
				if s.Secret != nil || s.ConfigMap != nil || s.ServiceAccountToken != nil {
					what = "secrets, configmaps and tokens"
				}
			}
		}
	}
	for _, c := range append(append([]v1.Container(nil), pod.Spec.InitContainers...), pod.Spec.Containers...) {
		for _, e := range c.EnvFrom {
			if e.SecretRef != nil || e.ConfigMapRef != nil {
				what = "secrets and configmaps"
			}
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil && (e.ValueFrom.SecretKeyRef != nil || e.ValueFrom.ConfigMapKeyRef != nil) {
				what = "secrets and configmaps"
			}
		}
	}
	if what != "" {
		return fmt.Errorf("static pods may not reference %s", what)
	}
	return nil
}
