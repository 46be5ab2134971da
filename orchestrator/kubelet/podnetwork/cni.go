package podnetwork

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
)

// confName is the file that the runtime finds. It takes the first of its folder, by name.
const confName = "10-petcd.conflist"

// conflist is a CNI network: the plugins that are called in turn for each pod.
type conflist struct {
	CNIVersion string `json:"cniVersion"`
	Name       string `json:"name"`
	Plugins    []any  `json:"plugins"`
}

type bridgePlugin struct {
	Type             string    `json:"type"`
	Bridge           string    `json:"bridge"`
	IsGateway        bool      `json:"isGateway"`
	IsDefaultGateway bool      `json:"isDefaultGateway"`
	ForceAddress     bool      `json:"forceAddress"` // the bridge follows when the node gets another range
	HairpinMode      bool      `json:"hairpinMode"`  // a pod may reach itself by its Service
	IPAM             hostLocal `json:"ipam"`
}

type hostLocal struct {
	Type    string        `json:"type"`
	DataDir string        `json:"dataDir,omitempty"`
	Ranges  [][]subnetOne `json:"ranges"` // each pod gets one address of each
}

type subnetOne struct {
	Subnet netip.Prefix `json:"subnet"`
}

type portmapPlugin struct {
	Type         string          `json:"type"`
	Capabilities map[string]bool `json:"capabilities"`
	SNAT         bool            `json:"snat"` // a host port can be reached from the node itself, too
}

// conf is the configuration of the plugins of containernetworking.
func (n *Network) conf(p *plan) ([]byte, error) {
	bridge := bridgePlugin{
		Type: "bridge", Bridge: n.o.Bridge, IsGateway: true, IsDefaultGateway: true, ForceAddress: true, HairpinMode: true,
		IPAM: hostLocal{Type: "host-local", DataDir: n.o.CNIDataDir},
	}
	for _, r := range p.own {
		bridge.IPAM.Ranges = append(bridge.IPAM.Ranges, []subnetOne{{Subnet: r}})
	}
	ports := portmapPlugin{Type: "portmap", Capabilities: map[string]bool{"portMappings": true}, SNAT: true}
	b, err := json.MarshalIndent(conflist{CNIVersion: "1.0.0", Name: "petcd", Plugins: []any{bridge, ports}}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("CNI configuration: %w", err)
	}
	return append(b, '\n'), nil
}

// writeCNI writes the configuration if it is not there as it should be: whole or not at all, for the runtime watches the folder.
func (n *Network) writeCNI(p *plan) (err error) {
	conf, err := n.conf(p)
	if err != nil {
		return err
	}
	path := filepath.Join(n.o.CNIConfDir, confName)
	if is, err := os.ReadFile(path); err == nil && bytes.Equal(is, conf) {
		return nil
	}
	if err := os.MkdirAll(n.o.CNIConfDir, 0o755); err != nil {
		return fmt.Errorf("CNI configuration: %w", err)
	}
	temp := filepath.Join(n.o.CNIConfDir, "."+confName+".new") // of a kind that runtimes pass over
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("CNI configuration: %w", err), removeFile(temp))
		}
	}()
	if err := os.WriteFile(temp, conf, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
