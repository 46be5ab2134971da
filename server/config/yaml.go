package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// nested are the YAML keys whose value is a map, with the prefix that turns
// their keys into flag names.
var nested = map[string]string{
	"client-transport-security": "",
	"peer-transport-security":   "peer-",
	"socket-options":            "socket-",
	"discovery-config":          "discovery-",
}

// renamed are the nested keys that are not the flag's name less its prefix.
var renamed = map[string]string{
	"allowed-cn":            "peer-cert-allowed-cn",
	"allowed-hostname":      "client-cert-allowed-hostname",
	"peer-allowed-cn":       "peer-cert-allowed-cn",
	"peer-allowed-hostname": "peer-cert-allowed-hostname",
}

// former are keys that etcd's own sample files of earlier releases carry,
// with the only text at which they mean nothing any more. An empty text
// stands for any.
var former = map[string]string{
	"debug": "false", "enable-v2": "false", "proxy": "off",
	"discovery": "", "discovery-proxy": "",
	"proxy-failure-wait": "", "proxy-refresh-interval": "", "proxy-dial-timeout": "",
	"proxy-write-timeout": "", "proxy-read-timeout": "",
}

// parseYAML reads a whole configuration file.
func parseYAML(data []byte) (*Config, error) {
	asJSON, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(asJSON))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		return nil, errors.New("the file is not a map of settings")
	}
	p := newParser()
	for _, key := range sortedKeys(doc) {
		if err := p.setYAML(key, doc[key]); err != nil {
			return nil, err
		}
	}
	return p.finish()
}

// setYAML applies one top-level key.
func (p *parser) setYAML(key string, v any) error {
	prefix, isMap := nested[key]
	if !isMap {
		return p.setKey(key, key, v)
	}
	if v == nil {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("invalid %s", key)
	}
	for _, k := range sortedKeys(m) {
		name := prefix + k
		if to, ok := renamed[name]; ok {
			name = to
		}
		if err := p.setKey(name, key+"."+k, m[k]); err != nil {
			return err
		}
	}
	return nil
}

// setKey sets the flag of the given name; key is what the file calls it.
func (p *parser) setKey(name, key string, v any) error {
	if v == nil {
		return nil
	}
	if neutral, ok := former[name]; ok {
		if text := fmt.Sprint(v); neutral != "" && text != neutral {
			return fmt.Errorf("%s: %s: %w", key, text, ErrNotBuilt)
		}
		p.notice(true, "the setting has no effect in petcd", "key", key)
		return nil
	}
	f := p.flags.Lookup(name)
	if f == nil || name == "config-file" || name == "version" {
		return fmt.Errorf("unknown setting %q", key)
	}
	val, ok := f.Value.(*value)
	if !ok {
		return fmt.Errorf("unknown setting %q", key)
	}
	text, err := yamlText(val.kind, v)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if text == "" && val.kind == kindString && f.Value.String() != "" && slices.Contains(keepWhenEmpty, name) {
		return nil
	}
	if err := p.flags.Set(name, text); err != nil {
		return fmt.Errorf("invalid value %q for %s: %w", text, key, err)
	}
	return nil
}

// keepWhenEmpty are the settings that etcd's file reader leaves at their
// default when the file gives an empty text.
var keepWhenEmpty = []string{"initial-cluster-state", "log-format", "cors", "host-whitelist"}

// yamlText renders a decoded YAML value as a flag's text, or tells which type
// the setting wants.
func yamlText(k kind, v any) (string, error) {
	switch k {
	case kindBool:
		if b, ok := v.(bool); ok {
			return fmt.Sprint(b), nil
		}
		return "", errors.New("must be true or false")
	case kindNumber:
		if n, ok := v.(json.Number); ok {
			return n.String(), nil
		}
		return "", errors.New("must be a number")
	case kindDuration:
		if n, ok := v.(json.Number); ok {
			if ns, err := n.Int64(); err == nil {
				return time.Duration(ns).String(), nil
			}
		}
		return "", errors.New("must be a duration in integer nanoseconds (600000000000 for ten minutes)")
	case kindList:
		items, ok := v.([]any)
		if !ok {
			return "", errors.New("must be a list")
		}
		texts := make([]string, len(items))
		for i, item := range items {
			if texts[i], ok = item.(string); !ok {
				return "", errors.New("must be a list of strings")
			}
		}
		return strings.Join(texts, ","), nil
	case kindString:
		if s, ok := v.(string); ok {
			return s, nil
		}
		return "", errors.New("must be a string (quote it)")
	}
	return "", fmt.Errorf("unknown kind %d", k)
}

// sortedKeys makes the first error of a file the same on every run.
func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
