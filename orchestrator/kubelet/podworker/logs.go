package podworker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apitypes "k8s.io/apimachinery/pkg/types"
)

// removeLogs removes the folders of logs of pods that nobody knows.
func (m *Manager) removeLogs(keep func(apitypes.UID) bool) error {
	entries, err := os.ReadDir(m.o.Node.LogsDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("logs: %w", err)
	}
	var failed []error
	for _, e := range entries {
		// namespace, name, UID
		parts := strings.Split(e.Name(), "_")
		if len(parts) != 3 || !e.IsDir() || keep(apitypes.UID(parts[2])) {
			continue
		}
		failed = append(failed, os.RemoveAll(filepath.Join(m.o.Node.LogsDir, e.Name())))
	}
	return errors.Join(failed...)
}
