package schema

// Names inside a store's folder. The engine's folder is not fixed: the
// pointer file names it, so that an installed snapshot replaces the whole
// state by one rename.
const (
	// PointerFile names the format and the engine's folder.
	PointerFile = "CURRENT-STATE"
	// PointerTempFile is what PointerFile is renamed from.
	PointerTempFile = "CURRENT-STATE.tmp"
	// LockFile is held while a store has the folder open.
	LockFile = "LOCK"
	// EnginePrefix begins the name of an engine's folder; a number follows.
	EnginePrefix = "engine-"
	// StagePrefix begins the name of a folder that holds a received snapshot
	// until it is installed.
	StagePrefix = "stage-"
	// CheckpointPrefix begins the name of a folder that holds a checkpoint
	// being streamed.
	CheckpointPrefix = "checkpoint-"
)

// FormatVersion is the version of everything this package describes.
const FormatVersion = 1

// FormatName is the first word of the pointer file: whose format it is.
const FormatName = "petcd-state"
