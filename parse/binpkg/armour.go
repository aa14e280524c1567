package binpkg

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
)

// unarmour returns the packets of the first ASCII armour in text. It compares the
// checksum, because gpg refuses a wrong one; RFC 9580 made it optional and
// go-crypto ignores it. Some versions of gpg refuse an armour without checksum, so
// such a signature is unsupported.
func unarmour(text []byte) ([]byte, error) {
	block, err := armor.Decode(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	packets, err := io.ReadAll(io.LimitReader(block.Body, maxManifestSize))
	if err != nil {
		return nil, err
	}
	want, err := armourChecksum(text)
	if err == nil && want != crc24(packets) {
		err = pgperrors.StructuralError(fmt.Sprintf("checksum of the armour: want %06x, got %06x", want, crc24(packets)))
	}
	return packets, err
}

// armourChecksum returns the checksum in the line that begins with an equals sign.
func armourChecksum(text []byte) (uint32, error) {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("-----END")) {
			break
		}
		if len(line) != 5 || line[0] != '=' {
			continue
		}
		sum, err := base64.StdEncoding.Strict().DecodeString(string(line[1:]))
		if err != nil || len(sum) != 3 {
			return 0, pgperrors.StructuralError("checksum of the armour: not base64")
		}
		return uint32(sum[0])<<16 | uint32(sum[1])<<8 | uint32(sum[2]), nil
	}
	return 0, pgperrors.UnsupportedError("armour without a checksum")
}

// crc24 returns the checksum of RFC 9580, section 6.1.1.
func crc24(data []byte) uint32 {
	crc := uint32(0xb704ce)
	for _, b := range data {
		crc ^= uint32(b) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return crc
}
