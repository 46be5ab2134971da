package validation

import (
	"encoding/json"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// lockedData is how a change of what was declared immutable is refused.
const lockedData = "field is immutable when `immutable` is set"

// Where configuration keeps its text and its bytes.
var (
	dataPath       = field.NewPath("data")
	binaryDataPath = field.NewPath("binaryData")
)

// dataKey asks for a key that can be the name of a file.
func dataKey(at path, key string) errs {
	return invalid(at.Key(key), key, validation.IsConfigMapKey(key))
}

// validConfigMap checks the keys of both maps, which share one name space, and the size of all together.
func validConfigMap(c *v1.ConfigMap) errs {
	var all errs
	size := 0
	for _, k := range ordered(c.Data) {
		_, twice := c.BinaryData[k]
		all = slices.Concat(all, dataKey(dataPath, k),
			when(twice, field.Invalid(dataPath.Key(k), k, "duplicate of key present in binaryData")))
		size += len(c.Data[k])
	}
	for _, k := range ordered(c.BinaryData) {
		all = append(all, dataKey(binaryDataPath, k)...)
		size += len(c.BinaryData[k])
	}
	return append(all, when(size > v1.MaxSecretSize, field.TooLong(field.NewPath(""), "", v1.MaxSecretSize))...)
}

// updateConfigMap refuses changes of what is locked.
func updateConfigMap(c, old *v1.ConfigMap) errs {
	return slices.Concat(
		locked(c.Immutable, old.Immutable),
		lockedField(dataPath, old.Immutable, c.Data, old.Data),
		lockedField(binaryDataPath, old.Immutable, c.BinaryData, old.BinaryData),
	)
}

// validSecret checks keys and size, and what a secret of its type must have.
func validSecret(s *v1.Secret) errs {
	var all errs
	size := 0
	for _, k := range ordered(s.Data) {
		all = append(all, dataKey(dataPath, k)...)
		size += len(s.Data[k])
	}
	return slices.Concat(all,
		when(size > v1.MaxSecretSize, field.TooLong(dataPath, "", v1.MaxSecretSize)),
		secretType(s),
	)
}

// secretType asks for the keys that who uses a secret of its type will look for.
func secretType(s *v1.Secret) errs {
	has := func(key string) bool { _, ok := s.Data[key]; return ok }
	needKey := func(key string) errs { return when(!has(key), field.Required(dataPath.Key(key), "")) }
	switch s.Type {
	case v1.SecretTypeServiceAccountToken:
		return when(s.Annotations[v1.ServiceAccountNameKey] == "",
			field.Required(metaPath.Child("annotations").Key(v1.ServiceAccountNameKey), ""))
	case v1.SecretTypeDockercfg:
		return dockerConfig(s, v1.DockerConfigKey)
	case v1.SecretTypeDockerConfigJson:
		return dockerConfig(s, v1.DockerConfigJsonKey)
	case v1.SecretTypeBasicAuth:
		if has(v1.BasicAuthUsernameKey) || has(v1.BasicAuthPasswordKey) {
			return nil
		}
		return append(needKey(v1.BasicAuthUsernameKey), needKey(v1.BasicAuthPasswordKey)...)
	case v1.SecretTypeSSHAuth:
		return when(len(s.Data[v1.SSHAuthPrivateKey]) == 0, field.Required(dataPath.Key(v1.SSHAuthPrivateKey), ""))
	case v1.SecretTypeTLS:
		return append(needKey(v1.TLSCertKey), needKey(v1.TLSPrivateKeyKey)...)
	}
	return nil
}

// dockerConfig asks for JSON. What it says isn't repeated: it is a secret.
func dockerConfig(s *v1.Secret, key string) errs {
	b, ok := s.Data[key]
	if !ok {
		return errs{field.Required(dataPath.Key(key), "")}
	}
	if err := json.Unmarshal(b, &map[string]any{}); err != nil {
		return errs{field.Invalid(dataPath.Key(key), "<secret contents redacted>", err.Error())}
	}
	return nil
}

// updateSecret keeps the type, which says who will read the data, and refuses changes of what is locked.
func updateSecret(s, old *v1.Secret) errs {
	return slices.Concat(
		unchanged(field.NewPath("type"), s.Type, old.Type),
		locked(s.Immutable, old.Immutable),
		lockedField(dataPath, old.Immutable, s.Data, old.Data),
	)
}

// isLocked tells that somebody promised that the data stays.
func isLocked(immutable *bool) bool { return immutable != nil && *immutable }

// locked refuses to unlock: who read the data relies on it for ever.
func locked(now, was *bool) errs {
	return when(isLocked(was) && !isLocked(now), field.Forbidden(field.NewPath("immutable"), lockedData))
}

// lockedField refuses a change of one of the fields that are locked.
func lockedField(at path, was *bool, now, before any) errs {
	return when(isLocked(was) && !equality.Semantic.DeepEqual(now, before), field.Forbidden(at, lockedData))
}
