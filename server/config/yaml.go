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
	"client-transport-security":      "",
	"peer-transport-security":        "peer-",
	"socket-options":                 "socket-",
	"discovery-config":               "discovery-",
	"discovery-config.client":        "discovery-",
	"discovery-config.client.secure": "discovery-",
	"discovery-config.client.auth":   "discovery-",
}

// renamed are the keys that are not the flag's name less its section's prefix.
var renamed = map[string]string{
	"allowed-cn":                             clientCN,
	"skip-client-san-verification":           clientSAN,
	"allowed-hostname":                       "client-cert-allowed-hostname",
	"peer-allowed-cn":                        "peer-cert-allowed-cn",
	"peer-allowed-hostname":                  "peer-cert-allowed-hostname",
	"discovery-username":                     "discovery-user",
	"experimental-snapshot-catch-up-entries": "experimental-snapshot-catchup-entries",
}

// What etcd's file can say of the client port and its command line can't.
const (
	clientCN  = "client-transport-security.allowed-cn"
	clientSAN = "client-transport-security.skip-client-san-verification"
)

// fileOnly are the settings that no flag has.
func fileOnly(c *Config) map[string]*value {
	return map[string]*value{
		clientCN:  names(&c.ClientTLS.AllowedCNs),
		clientSAN: boolean(&c.ClientTLS.SkipClientSANVerification),
	}
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
	if c := &p.config; c.SelfSignedCertValidity == 0 { // as a flag, 0 is refused by what uses it
		c.SelfSignedCertValidity = Default().SelfSignedCertValidity
	}
	return p.finish()
}

// setYAML applies one key, given with the path of the maps that it is in.
func (p *parser) setYAML(path string, v any) error {
	if _, isMap := nested[path]; !isMap {
		return p.setKey(flagName(path), path, v)
	}
	if v == nil {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("invalid %s", path)
	}
	for _, k := range sortedKeys(m) {
		if err := p.setYAML(path+"."+k, m[k]); err != nil {
			return err
		}
	}
	return nil
}

// flagName is the flag that a key stands for.
func flagName(path string) string {
	name := path
	if dot := strings.LastIndexByte(path, '.'); dot >= 0 {
		name = nested[path[:dot]] + path[dot+1:]
	}
	if to, ok := renamed[name]; ok {
		return to
	}
	return name
}

// setKey sets the flag of the given name; key is what the file calls it.
func (p *parser) setKey(name, key string, v any) error {
	if v == nil {
		return nil
	}
	if name == "discovery-fallback" { // samples of etcd 3.6 and before carry 'proxy', and its own reader drops it
		p.notice(true, "the setting has no effect in a file", "key", key)
		return nil
	}
	val := p.fileOnly[name]
	if f := p.flags.Lookup(name); f != nil && name != "config-file" && name != "version" && !slices.Contains(silentlyIgnored, name) {
		val, _ = f.Value.(*value)
	}
	if val == nil {
		return fmt.Errorf("unknown setting %q", key)
	}
	text, err := yamlText(val.kind, v)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if text == "" && val.kind == kindString && val.String() != "" && slices.Contains(keepWhenEmpty, name) {
		return nil
	}
	set := func(text string) error { return p.flags.Set(name, text) }
	if p.fileOnly[name] != nil {
		set = val.Set
	}
	if err := set(text); err != nil {
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
	case kindNumber, kindCount:
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
	case kindList, kindNames:
		if one, ok := v.(string); ok && k == kindNames {
			return one, nil
		}
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
