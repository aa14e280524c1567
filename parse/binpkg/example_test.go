package binpkg_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"emaudit/parse/binpkg"
)

func ExampleReader_Read() {
	f, err := os.Open("testdata/alpha/bar-daemon-4.1-2.gpkg.tar")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	p, err := binpkg.NewReader().Read(f, info.Size(), binpkg.FormatOfName(f.Name()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.CPV(), p.Slot, p.BuildTime, p.Compressor, p.Origin, p.Integrity)
	// Output: app-misc/bar-daemon-4.1 0 1775983552 zstd quickpkg unchecked
}

func ExampleReader_Verify() {
	keys, err := os.ReadFile("testdata/signed/pubring.kbx")
	if err != nil {
		log.Fatal(err)
	}
	keyring, err := binpkg.ReadKeyring(keys)
	if err != nil {
		log.Fatal(err)
	}
	f, err := os.Open("testdata/signed/manifest-tampered.gpkg.tar")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	v, err := binpkg.NewReader().Verify(context.Background(), f, info.Size(), binpkg.VerifyOptions{
		Expect:  binpkg.FormatOfName(f.Name()),
		Keyring: keyring,
		SHA1:    true,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Integrity, v.Signature)
	for _, d := range v.Diagnostics {
		fmt.Println(d.Code)
	}
	for _, s := range v.Signatures {
		fmt.Println(s.Member, s.State, s.KeyID)
	}
	// Output:
	// damaged invalid
	// signature-invalid
	// metadata.tar.zst valid CB5857D5C6B9EFD7
	// image.tar.zst valid CB5857D5C6B9EFD7
	// Manifest invalid CB5857D5C6B9EFD7
}
