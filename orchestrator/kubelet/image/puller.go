package image

import (
	"context"
	"errors"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/flowcontrol"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/clock"
)

// PullerOptions are what a Puller works with.
type PullerOptions struct {
	Images      internalapi.ImageManagerService
	Client      kubernetes.Interface // imagePullSecrets; nil: none are used
	Recorder    record.EventRecorder // nil: no events
	Clock       clock.WithTicker     // nil: the real one
	Serialize   bool                 // one pull at a time
	MaxParallel int                  // most pulls at a time; 0: no limit
}

// Puller makes the images of containers present.
type Puller struct {
	o       PullerOptions
	backOff *flowcontrol.Backoff
	slots   chan struct{} // one for each pull there may be; nil: no limit
	secrets *secrets
}

const (
	firstBackOff, maxBackOff = 10 * time.Second, 5 * time.Minute
)

// NewPuller returns a puller.
func NewPuller(o PullerOptions) *Puller {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	p := &Puller{o: o, backOff: flowcontrol.NewBackOff(firstBackOff, maxBackOff), secrets: &secrets{o.Client, o.Recorder}}
	p.backOff.Clock = o.Clock
	switch {
	case o.Serialize:
		p.slots = make(chan struct{}, 1)
	case o.MaxParallel > 0:
		p.slots = make(chan struct{}, o.MaxParallel)
	}
	return p
}

// Ensure makes a container's image present by its pull policy. Its errors are *Error.
func (p *Puller) Ensure(ctx context.Context, pod *v1.Pod, container *v1.Container, sandbox *runtimeapi.PodSandboxConfig) (imageRef string, err error) {
	r := &request{p: p, pod: pod, container: container, sandbox: sandbox}
	name, err := WithTag(container.Image)
	if err != nil {
		return "", r.fail("InspectFailed", ReasonInvalidImageName, fmt.Sprintf("Failed to apply default image tag %q", container.Image), err)
	}
	r.spec = &runtimeapi.ImageSpec{Image: name, UserSpecifiedImage: container.Image}
	policy := policyOf(container, name)
	if policy != v1.PullAlways {
		ref, err := p.present(ctx, r.spec)
		switch {
		case err != nil:
			return "", r.fail("InspectFailed", ReasonImageInspectError, fmt.Sprintf("Failed to inspect image %q", container.Image), err)
		case ref != "":
			r.event(v1.EventTypeNormal, "Pulled", fmt.Sprintf("Container image %q already present on machine", container.Image))
			return ref, nil
		case policy == v1.PullNever:
			text := fmt.Sprintf("Container image %q is not present with pull policy of Never", container.Image)
			return "", r.fail(ReasonErrImageNeverPull, ReasonErrImageNeverPull, text, nil)
		}
	}
	return r.pull(ctx)
}

// policyOf is when to pull. Where it isn't said, an image that changes under its name is pulled each time.
func policyOf(container *v1.Container, name string) v1.PullPolicy {
	switch {
	case container.ImagePullPolicy != "":
		return container.ImagePullPolicy
	case isLatest(name):
		return v1.PullAlways
	}
	return v1.PullIfNotPresent
}

// present is the reference of an image that is there; "": it isn't.
func (p *Puller) present(ctx context.Context, spec *runtimeapi.ImageSpec) (string, error) {
	answer, err := p.o.Images.ImageStatus(ctx, spec, false)
	if err != nil || answer.GetImage() == nil {
		return "", err
	}
	return answer.Image.Id, nil
}

// request is the image that one container needs.
type request struct {
	p         *Puller
	pod       *v1.Pod
	container *v1.Container
	sandbox   *runtimeapi.PodSandboxConfig
	spec      *runtimeapi.ImageSpec
}

// pull pulls, unless it failed a short while ago.
func (r *request) pull(ctx context.Context) (string, error) {
	key := string(r.pod.UID) + "_" + r.spec.Image
	if r.p.backOff.IsInBackOffSinceUpdate(key, r.p.o.Clock.Now()) {
		text := fmt.Sprintf("Back-off pulling image %q", r.container.Image)
		r.event(v1.EventTypeNormal, "BackOff", text)
		return "", &Error{Reason: ReasonImagePullBackOff, Message: text}
	}
	r.p.backOff.GC()
	asked := r.p.o.Clock.Now()
	if err := r.p.enter(ctx); err != nil {
		return "", &Error{Reason: ReasonErrImagePull, Message: err.Error(), Err: err}
	}
	defer r.p.leave()
	r.event(v1.EventTypeNormal, "Pulling", fmt.Sprintf("Pulling image %q", r.container.Image))
	began := r.p.o.Clock.Now()
	ref, err := r.withSecrets(ctx)
	if err != nil {
		r.event(v1.EventTypeWarning, "Failed", fmt.Sprintf("Failed to pull image %q: %v", r.container.Image, err))
		if ctx.Err() == nil { // the image's fault
			r.p.backOff.Next(key, r.p.o.Clock.Now())
		}
		return "", &Error{Reason: ReasonErrImagePull, Message: err.Error(), Err: err}
	}
	r.p.backOff.Reset(key)
	now := r.p.o.Clock.Now()
	r.event(v1.EventTypeNormal, "Pulled", fmt.Sprintf("Successfully pulled image %q in %v (%v including waiting). Image size: %d bytes.",
		r.container.Image, now.Sub(began).Truncate(time.Millisecond), now.Sub(asked).Truncate(time.Millisecond), r.size(ctx)))
	return ref, nil
}

// withSecrets pulls with the credentials that fit, one after another, or with none if there are none.
func (r *request) withSecrets(ctx context.Context) (string, error) {
	auths := r.p.secrets.find(ctx, r.pod, r.spec.Image)
	if len(auths) == 0 {
		auths = []*runtimeapi.AuthConfig{nil}
	}
	var all []error
	for _, auth := range auths {
		ref, err := r.p.o.Images.PullImage(ctx, r.spec, auth, r.sandbox)
		if err == nil {
			return ref, nil
		}
		all = append(all, err)
	}
	return "", errors.Join(all...)
}

// size is for the event alone: 0 if it can't be had.
func (r *request) size(ctx context.Context) uint64 {
	answer, err := r.p.o.Images.ImageStatus(ctx, r.spec, false)
	if err != nil {
		return 0
	}
	return answer.GetImage().GetSize()
}

// enter waits until there is room for another pull.
func (p *Puller) enter(ctx context.Context) error {
	if p.slots == nil {
		return nil
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Puller) leave() {
	if p.slots != nil {
		<-p.slots
	}
}

// fail tells of what can't be pulled at all.
func (r *request) fail(event, reason, text string, err error) error {
	if err != nil {
		text += ": " + err.Error()
	}
	r.event(v1.EventTypeWarning, event, text)
	return &Error{Reason: reason, Message: text, Err: err}
}

// event tells of the container.
func (r *request) event(kind, reason, text string) {
	if r.p.o.Recorder == nil {
		return
	}
	r.p.o.Recorder.Event(&v1.ObjectReference{
		APIVersion: "v1", Kind: "Pod", Namespace: r.pod.Namespace, Name: r.pod.Name, UID: r.pod.UID, ResourceVersion: r.pod.ResourceVersion,
		FieldPath: fieldPath(r.pod, r.container.Name),
	}, kind, reason, text)
}

// fieldPath is where a pod has a container.
func fieldPath(pod *v1.Pod, name string) string {
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == name {
			return fmt.Sprintf("spec.initContainers{%s}", name)
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if pod.Spec.EphemeralContainers[i].Name == name {
			return fmt.Sprintf("spec.ephemeralContainers{%s}", name)
		}
	}
	return fmt.Sprintf("spec.containers{%s}", name)
}
