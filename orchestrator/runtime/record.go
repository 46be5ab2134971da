package runtime

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/orchestrator/runtime/image"
)

// stage is how far a sandbox has come.
type stage string

// The stages of a sandbox.
const (
	making  stage = "making" // what is found so belongs to a daemon that died, and is removed
	running stage = "running"
	stopped stage = "stopped" // nothing of it is left on the node but its record
)

// sandboxRecord is what has to be known of a sandbox to take it over or to remove it.
type sandboxRecord struct {
	ID        string
	Stage     stage
	Created   time.Time
	Config    message
	Group     string // its cgroup
	Top       string // the outermost cgroup that goes with it
	Addresses []string
}

// containerRecord is what has to be known of a container.
type containerRecord struct {
	ID      string
	Sandbox string
	Created time.Time
	Started time.Time // zero: never
	Config  message
	Image   image.Image // which may be removed meanwhile
	Layers  []string
	Group   string
	User    *userRecord `json:",omitempty"`
}

// userRecord is whom a container runs as.
type userRecord struct {
	UID, GID uint32
	Groups   []uint32
}

// message is a protobuf message within a record, as JSON.
type message json.RawMessage

// MarshalJSON writes it as it is.
func (m message) MarshalJSON() ([]byte, error) { return m, nil }

// UnmarshalJSON keeps it as it is.
func (m *message) UnmarshalJSON(data []byte) error {
	*m = append((*m)[:0], data...)
	return nil
}

// pack makes a message of a protobuf.
func pack(p proto.Message) (message, error) {
	data, err := protojson.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	return data, nil
}

// unpack reads a message into a protobuf.
func (m message) unpack(p proto.Message) error {
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(m, p); err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	return nil
}

// recordName is a record's file in the folder of its sandbox or container.
const recordName = "record.json"

// save writes a record, at once or not at all.
func save(dir string, record any) error {
	data, err := json.MarshalIndent(record, "", "\t")
	if err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	file := filepath.Join(dir, recordName)
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	return nil
}

// load reads a record.
func load(dir string, record any) error {
	data, err := os.ReadFile(filepath.Join(dir, recordName))
	if err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	if err := json.Unmarshal(data, record); err != nil {
		return fmt.Errorf("runtime: %s: %w", dir, err)
	}
	return nil
}
