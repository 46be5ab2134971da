package config

import "math"

// memoryUnknown is what a machine is taken to have whose memory is not known.
const memoryUnknown = 4 << 30

// AnswerMemory is how many bytes of memory large answers may take together.
func (c *Config) AnswerMemory() int64 {
	switch {
	case c.MaxAnswerBytes < 0:
		return math.MaxInt64
	case c.MaxAnswerBytes > 0:
		return c.MaxAnswerBytes
	}
	memory, ok := machineMemory()
	if !ok {
		memory = memoryUnknown
	}
	return memory / 4
}
