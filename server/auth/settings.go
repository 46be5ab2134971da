package auth

import (
	"encoding/binary"

	"github.com/petcd/petcd/storage"
)

// Settings are what a state holds of authentication beside users and roles.
type Settings struct {
	Enabled  bool
	Revision uint64
}

// ReadSettings reads them; of a state that never heard of authentication they are a new cluster's.
func ReadSettings(r Reader) (Settings, error) {
	v := emptyView()
	if err := v.loadSettings(r); err != nil {
		return Settings{}, err
	}
	return Settings{Enabled: v.enabled, Revision: v.revision}, nil
}

// Write makes them a state's, for one that is restored. No Store may be open on it.
func (s Settings) Write(w Writer) error {
	enabled := []byte{0}
	if s.Enabled {
		enabled[0] = 1
	}
	if err := w.SetRecord(storage.TableAuth, keyEnabled, enabled); err != nil {
		return err
	}
	return w.SetRecord(storage.TableAuth, keyRevision, binary.BigEndian.AppendUint64(nil, s.Revision))
}
