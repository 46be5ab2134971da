package reviews

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// review is the storage of one kind of question.
type review[T runtime.Object] struct {
	singular   string
	namespaced bool
	make       func() T
	// check tells what is wrong with a question; it may be nil.
	check func(ctx context.Context, question T) error
	// answer fills in the status.
	answer func(ctx context.Context, question T) error
}

// New implements rest.Storage.
func (r *review[T]) New() runtime.Object { return r.make() }

// Destroy implements rest.Storage.
func (r *review[T]) Destroy() {}

// NamespaceScoped implements rest.Scoper.
func (r *review[T]) NamespaceScoped() bool { return r.namespaced }

// GetSingularName implements rest.SingularNameProvider.
func (r *review[T]) GetSingularName() string { return r.singular }

// Create implements rest.Creater.
func (r *review[T]) Create(
	ctx context.Context, obj runtime.Object, admit rest.ValidateObjectFunc, _ *metav1.CreateOptions,
) (runtime.Object, error) {
	question, ok := obj.(T)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a %s: %T", r.singular, obj))
	}
	if r.check != nil {
		if err := r.check(ctx, question); err != nil {
			return nil, err
		}
	}
	if admit != nil {
		if err := admit(ctx, obj.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	if err := r.answer(ctx, question); err != nil {
		return nil, err
	}
	return question, nil
}

// asker returns who sent the request.
func asker(ctx context.Context) (user.Info, error) {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return nil, apierrors.NewBadRequest("no user present on request")
	}
	return u, nil
}
