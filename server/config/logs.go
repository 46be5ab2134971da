package config

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrLogRotation is etcd's complaint about rotation without a file to rotate.
var ErrLogRotation = errors.New("--log-outputs requires a single file path when --log-rotate-config-json is defined")

// JournalOutput is the --log-outputs of systemd's journal.
const JournalOutput = "systemd/journal"

// Rotation is the JSON of --log-rotation-config-json, with lumberjack's names.
type Rotation struct {
	MaxSize    int  `json:"maxsize"`    // megabytes
	MaxAge     int  `json:"maxage"`     // days; 0 keeps files of any age
	MaxBackups int  `json:"maxbackups"` // 0 keeps any number
	LocalTime  bool `json:"localtime"`
	Compress   bool `json:"compress"`
}

// ParseRotation reads the JSON of --log-rotation-config-json.
func ParseRotation(text string) (Rotation, error) {
	var r Rotation
	err := json.Unmarshal([]byte(text), &r)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return r, nil
	case errors.As(err, &syntax):
		return r, fmt.Errorf("improperly formatted log rotation config: %w", err)
	case errors.As(err, &kind):
		return r, fmt.Errorf("invalid log rotation config: %w", err)
	}
	return r, fmt.Errorf("fail to unmarshal log rotation config: %w", err)
}

// checkLogOutputs refuses outputs that don't go together.
func (c *Config) checkLogOutputs() error {
	files, journal := 0, false
	for _, out := range c.LogOutputs {
		switch out {
		case "default":
			if len(c.LogOutputs) > 1 {
				return fmt.Errorf("multi logoutput for %q is not supported yet", "default")
			}
		case "stderr", "stdout":
		case JournalOutput:
			journal = true
		default:
			files++
		}
	}
	if journal && len(c.LogOutputs) > 1 {
		return fmt.Errorf("running with systemd/journal but other '--log-outputs' values (%q) are configured with 'default'; override 'default' value with something else", c.LogOutputs)
	}
	if c.LogRotation == "" {
		return nil
	}
	if files != 1 {
		return ErrLogRotation
	}
	_, err := ParseRotation(c.LogRotation)
	return err
}
