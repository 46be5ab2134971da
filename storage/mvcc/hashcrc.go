package mvcc

import "hash/crc32"

// castagnoli is the polynomial of etcd's hashes.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crcJoiner computes the checksum of a concatenation from the checksums of
// its parts, so that rows may be hashed in any order and joined in another.
//
// A CRC is a remainder of polynomials over GF(2): appending n bytes multiplies
// by x^(8n) and adds. Polynomials are held as crc32 holds them: bit 31 is the
// coefficient of x^0.
type crcJoiner struct {
	squares [32]uint32 // x^(2^k)
	shifts  []uint32   // x^(8n) by n, for short parts; 0: not computed yet
}

// newCRCJoiner prepares the tables.
func newCRCJoiner() *crcJoiner {
	j := &crcJoiner{shifts: make([]uint32, 8192)}
	j.squares[0] = 1 << 30
	for k := 1; k < len(j.squares); k++ {
		j.squares[k] = multiply(j.squares[k-1], j.squares[k-1])
	}
	return j
}

// join is the checksum of a part with checksum a, followed by n bytes with
// checksum b.
func (j *crcJoiner) join(a, b uint32, n uint32) uint32 {
	return multiply(j.shift(n), a) ^ b
}

// shift is x^(8n).
func (j *crcJoiner) shift(n uint32) uint32 {
	if int(n) < len(j.shifts) && j.shifts[n] != 0 {
		return j.shifts[n]
	}
	p := uint32(1 << 31) // x^0
	// x^(2^k) repeats after x^(2^32-1) only, so k may count past 31.
	for k, m := 3, n; m != 0; k, m = k+1, m>>1 {
		if m&1 != 0 {
			p = multiply(j.squares[k%32], p)
		}
	}
	if int(n) < len(j.shifts) {
		j.shifts[n] = p
	}
	return p
}

// multiply is the product of two polynomials modulo the CRC's.
func multiply(a, b uint32) uint32 {
	var p uint32
	for m := uint32(1 << 31); ; m >>= 1 {
		if a&m != 0 {
			p ^= b
			if a&(m-1) == 0 {
				return p
			}
		}
		if m == 1 {
			return p
		}
		if b&1 != 0 {
			b = b>>1 ^ crc32.Castagnoli
		} else {
			b >>= 1
		}
	}
}
