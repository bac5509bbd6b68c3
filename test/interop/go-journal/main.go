// Reads a stream proof (spec/journal.md, section 3) from standard input and checks its bucket with transparency-dev/merkle: is it
// that leaf of the tree whose root the record of the night has? It prints "ok" or says what failed.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

func fail(format string, values ...any) {
	fmt.Printf(format+"\n", values...)
	os.Exit(1)
}

func decoded(text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		fail("%q: %v", text, err)
	}
	return data
}

func main() {
	given, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail("no proof: %v", err)
	}
	parts := strings.SplitN(string(given), "\n\n", 4)
	if len(parts) != 4 {
		fail("not a stream proof")
	}
	extra := decoded(strings.TrimPrefix(strings.Split(parts[0], "\n")[1], "extra "))
	record, _, _ := bytes.Cut(bytes.Split(extra, []byte("\n"))[1], []byte(`,"integrity":`))
	var night struct {
		Bits uint
		Root []byte
	}
	if err := json.Unmarshal(append(record, '}'), &night); err != nil {
		fail("the record: %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(parts[3], "\n"), "\n")
	origin := strings.TrimPrefix(lines[1], "origin ")
	key := sha256.Sum256([]byte(origin))
	var bucket, entry []byte
	var path [][]byte
	found := false
	for _, line := range lines[2:] {
		if text, is := strings.CutPrefix(line, "entry "); is {
			entry = rfc6962.DefaultHasher.HashLeaf([]byte(text))
		} else if one, leaf, is := strings.Cut(line, " "); is {
			bucket = append(append(bucket, decoded(one)...), decoded(leaf)...)
			if bytes.Equal(decoded(one), key[:]) {
				found = bytes.Equal(decoded(leaf), entry)
			}
		} else {
			path = append(path, decoded(line))
		}
	}
	if found != (entry != nil) {
		fail("the bucket does not have the entry of %s", origin)
	}
	index := uint64(binary.BigEndian.Uint32(key[:4])) >> (32 - night.Bits)
	leaf := rfc6962.DefaultHasher.HashLeaf(bucket)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, 1<<night.Bits, leaf, path, night.Root); err != nil {
		fail("bucket %d: %v", index, err)
	}
	fmt.Println("ok")
}
