package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/environment"
)

// files is a volume of files that the kubelet writes: configMap, secret, downwardAPI, projected.
type files struct {
	m           *Manager
	at          string
	pod         *v1.Pod
	projections []v1.VolumeProjection
	mode        *int32
	memory      bool // on tmpfs, as befits a secret
}

// file is one of them, by its path in the volume.
type file struct {
	data  []byte
	mode  fs.FileMode
	owner *int64 // nil: root
}

// defaultMode is the mode of files whose volume doesn't say one.
const defaultMode = 0o644

func (f *files) path() string   { return f.at }
func (f *files) readOnly() bool { return true }

func (f *files) setup(ctx context.Context) error {
	content := map[string]file{}
	for i := range f.projections {
		if err := f.project(ctx, &f.projections[i], content); err != nil {
			return err
		}
	}
	if f.memory {
		if _, err := ensureTmpfs(f.at, 0); err != nil {
			return err
		}
	}
	w := &writer{dir: f.at, group: fsGroup(f.pod), clock: f.m.o.Clock}
	return w.write(content)
}

// project adds the files of one source.
func (f *files) project(ctx context.Context, p *v1.VolumeProjection, into map[string]file) error {
	switch {
	case p.ConfigMap != nil:
		return f.configMap(ctx, p.ConfigMap, into)
	case p.Secret != nil:
		return f.secret(ctx, p.Secret, into)
	case p.DownwardAPI != nil:
		return f.downwardAPI(p.DownwardAPI, into)
	case p.ServiceAccountToken != nil:
		return f.token(ctx, p.ServiceAccountToken, into)
	}
	return fmt.Errorf("projected %s is not supported on this node", kindOf(*p))
}

func (f *files) configMap(ctx context.Context, p *v1.ConfigMapProjection, into map[string]file) error {
	if f.m.o.Client == nil {
		return errNoClient
	}
	optional := p.Optional != nil && *p.Optional
	object, err := f.m.o.Client.CoreV1().ConfigMaps(f.pod.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
	if optional && apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return absent("configmap", p.Name, err)
	}
	all := make(map[string][]byte, len(object.Data)+len(object.BinaryData))
	for key, text := range object.Data {
		all[key] = []byte(text)
	}
	for key, data := range object.BinaryData {
		all[key] = data
	}
	return f.items("configmap references non-existent config key", p.Items, all, optional, into)
}

func (f *files) secret(ctx context.Context, p *v1.SecretProjection, into map[string]file) error {
	if f.m.o.Client == nil {
		return errNoClient
	}
	optional := p.Optional != nil && *p.Optional
	object, err := f.m.o.Client.CoreV1().Secrets(f.pod.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
	if optional && apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return absent("secret", p.Name, err)
	}
	return f.items("references non-existent secret key", p.Items, object.Data, optional, into)
}

// absent says of an object that isn't there what kubelets say: the kind in the singular.
func absent(kind, name string, err error) error {
	if apierrors.IsNotFound(err) {
		return apierrors.NewNotFound(v1.Resource(kind), name)
	}
	return err
}

// items adds the keys that are asked for, or all of them under their own names. missing is what is said of one that isn't there.
func (f *files) items(missing string, items []v1.KeyToPath, all map[string][]byte, optional bool, into map[string]file) error {
	if len(items) == 0 {
		for key, data := range all {
			into[key] = f.file(data, nil)
		}
		return nil
	}
	for i := range items {
		data, ok := all[items[i].Key]
		switch {
		case ok:
			into[items[i].Path] = f.file(data, items[i].Mode)
		case !optional:
			return fmt.Errorf("%s: %s", missing, items[i].Key)
		}
	}
	return nil
}

// file is one with a mode of its own, or the volume's.
func (f *files) file(data []byte, mode *int32) file {
	switch {
	case mode != nil:
	case f.mode != nil:
		mode = f.mode
	default:
		return file{data: data, mode: defaultMode}
	}
	return file{data: data, mode: fs.FileMode(*mode) & fs.ModePerm}
}

func (f *files) downwardAPI(p *v1.DownwardAPIProjection, into map[string]file) error {
	var all []error
	for i := range p.Items {
		item := &p.Items[i]
		text, err := f.downward(item)
		if err != nil {
			all = append(all, err)
			continue
		}
		into[item.Path] = f.file([]byte(text), item.Mode)
	}
	return errors.Join(all...)
}

// downward is what a file says about its pod.
func (f *files) downward(item *v1.DownwardAPIVolumeFile) (string, error) {
	switch {
	case item.FieldRef != nil:
		return environment.Field(f.pod, item.FieldRef.FieldPath, environment.Facts{})
	case item.ResourceFieldRef != nil:
		return environment.Resource(f.pod, item.ResourceFieldRef, nil, f.m.o.Allocatable)
	}
	return "", fmt.Errorf("downwardAPI file %q says neither fieldRef nor resourceFieldRef", item.Path)
}

func (f *files) token(ctx context.Context, p *v1.ServiceAccountTokenProjection, into map[string]file) error {
	token, err := f.m.tokens.get(ctx, f.pod, p)
	if err != nil {
		return err
	}
	added := f.file([]byte(token), nil)
	user := onlyUser(f.pod)
	if user != nil || fsGroup(f.pod) != nil {
		added.mode = 0o600 // for whom it is meant alone
	}
	added.owner = user
	into[p.Path] = added
	return nil
}
