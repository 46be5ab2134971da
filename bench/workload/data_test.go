package workload

import (
	"bytes"
	"compress/flate"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysHaveTheirSizeAndSpread(t *testing.T) {
	k := Keys{Size: 8, Space: 1000, Seed: 3}
	require.NoError(t, k.validate())
	require.Equal(t, "00000042", string(k.New(42)))
	seen := make(map[uint64]int)
	for n := range uint64(20_000) {
		i := k.Index(n)
		require.Less(t, i, k.Space)
		seen[i]++
	}
	require.Len(t, seen, 1000) // each is drawn 20 times on average

	k.Sequential = true
	require.EqualValues(t, 7, k.Index(3007))
}

func TestDataRefusesWhatCannotBe(t *testing.T) {
	good := Data{Keys: Keys{Size: 4, Space: 10_000}, Values: Values{Size: 1, Kind: Pod}}
	require.NoError(t, good.Validate())
	for name, change := range map[string]func(*Data){
		"too many keys": func(d *Data) { d.Keys.Space++ },
		"no keys":       func(d *Data) { d.Keys.Space = 0 },
		"empty keys":    func(d *Data) { d.Keys.Size = 0 },
		"empty values":  func(d *Data) { d.Values.Size = 0 },
		"unknown kind":  func(d *Data) { d.Values.Kind = "zeros" },
	} {
		d := good
		change(&d)
		require.ErrorIs(t, d.Validate(), ErrParameters, name)
	}
}

// TestValuesDifferAndRepeat holds invariants I1 and I2.
func TestValuesDifferAndRepeat(t *testing.T) {
	for _, kind := range Kinds() {
		v := Values{Size: 256, Kind: kind, Seed: 9}
		seen := make(map[string]bool)
		buf := make([]byte, v.Size)
		for n := range uint64(5_000) {
			v.Fill(buf, n)
			seen[string(buf)] = true
		}
		require.Len(t, seen, 5_000, kind)
		again := make([]byte, v.Size)
		v.Fill(again, 4_999)
		require.Equal(t, buf, again, kind)
	}
}

// TestValueKindsCompressAsTheySay keeps disk figures meaningful.
func TestValueKindsCompressAsTheySay(t *testing.T) {
	ratio := func(kind string) float64 {
		v := Values{Size: 1024, Kind: kind, Seed: 9}
		var out bytes.Buffer
		w, err := flate.NewWriter(&out, flate.DefaultCompression)
		require.NoError(t, err)
		buf := make([]byte, v.Size)
		const values = 300
		for n := range uint64(values) {
			v.Fill(buf, n)
			_, err := w.Write(buf)
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		return float64(out.Len()) / float64(values*v.Size)
	}
	require.Greater(t, ratio(Random), .99)
	require.InDelta(t, .12, ratio(Pod), .04)
}
