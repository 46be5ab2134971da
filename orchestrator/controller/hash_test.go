package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestTemplateHash(t *testing.T) {
	template := &v1.PodTemplateSpec{Spec: v1.PodSpec{NodeSelector: map[string]string{"a": "1", "b": "2", "c": "3"}}}
	hash := TemplateHash(template, nil)
	require.Equal(t, hash, TemplateHash(template.DeepCopy(), nil))
	require.NotEqual(t, hash, TemplateHash(&v1.PodTemplateSpec{}, nil))
	require.NotEqual(t, hash, TemplateHash(template, ptr.To(int32(1))))
	require.NotEqual(t, TemplateHash(template, ptr.To(int32(1))), TemplateHash(template, ptr.To(int32(2))))
	require.Regexp(t, "^[bcdfghjklmnpqrstvwxz2456789]+$", hash)
}
