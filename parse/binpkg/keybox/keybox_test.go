package keybox

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// blob makes a blob of the type around a keyblock.
func blob(kind byte, key []byte) []byte {
	b := make([]byte, 20, 20+len(key))
	b[4], b[5] = kind, 1
	binary.BigEndian.PutUint32(b[8:], 20)
	binary.BigEndian.PutUint32(b[12:], uint32(len(key)))
	b = append(b, key...)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

func header() []byte {
	b := make([]byte, 32)
	binary.BigEndian.PutUint32(b, 32)
	b[4], b[5] = 1, 1
	copy(b[8:], "KBXf")
	return b
}

func TestKeysAreTakenAndOtherBlobsPassedOver(t *testing.T) {
	t.Parallel()
	data := bytes.Join([][]byte{header(), blob(2, []byte("one")), blob(0, []byte("deleted")), blob(3, []byte("X.509")), blob(2, []byte("two"))}, nil)
	if !Is(data) || Is(data[32:]) || Is(nil) {
		t.Error("the magic is not what tells a keybox")
	}
	keys, damage := Keyblocks(data)
	if len(keys) != 2 || string(keys[0]) != "one" || string(keys[1]) != "two" || damage != nil {
		t.Errorf("%q, %v", keys, damage)
	}
}

func TestDamageKeepsTheKeysBeforeIt(t *testing.T) {
	t.Parallel()
	good := append(header(), blob(2, []byte("one"))...)
	long := blob(2, []byte("two"))
	binary.BigEndian.PutUint32(long[12:], 1000)
	far := blob(2, []byte("two"))
	binary.BigEndian.PutUint32(far[8:], 1<<31)
	for name, tail := range map[string][]byte{
		"a few bytes":                 {0, 0},
		"a blob that is cut":          blob(2, []byte("two"))[:21],
		"a blob of no length":         {0, 0, 0, 0, 2},
		"a blob that claims 4 GB":     {255, 255, 255, 255, 2, 0},
		"a key blob without a key":    {0, 0, 0, 8, 2, 1, 0, 0},
		"a key longer than its blob":  long,
		"a key that begins beyond it": far,
	} {
		keys, damage := Keyblocks(append(bytes.Clone(good), tail...))
		if len(keys) != 1 || len(damage) != 1 || damage[0].Code != ProblemBlob || damage[0].Offset != int64(len(good)) {
			t.Errorf("%s: %q, %v", name, keys, damage)
		}
	}
}

// Law: keys lie inside the data, in order.
func FuzzKeyblocks(f *testing.F) {
	f.Add(append(header(), blob(2, []byte("one"))...))
	f.Add(append(header(), blob(0, []byte("one"))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, _ := Keyblocks(data)
		total := 0
		for _, k := range keys {
			total += len(k) + keyHeader
		}
		if total > len(data) {
			t.Fatalf("keys of %d bytes in %d", total, len(data))
		}
	})
}
