// Reads a directory of C2SP tlog-tiles with two readers of other people: torchwood's Client, which gets every entry and
// authenticates it, and tessera's fsck, which recomputes every tile. The question is one JSON object on standard input; the
// answer is, for the directory as it is and then for each mutant, what each reader says: "ok", or why not.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"filippo.io/torchwood"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

type question struct {
	Dir, Vkey string
	// One byte is another one in each.
	Mutants []mutant
}

type mutant struct {
	Path string
	At   int
}

type answer struct {
	Torchwood, Tessera string
	Entries            int64
}

// tiles are the files of a directory, one of them changed.
type tiles struct {
	dir string
	mutant
}

func (t tiles) Open(name string) (fs.File, error) { return os.DirFS(t.dir).Open(name) }

func (t tiles) ReadFile(name string) ([]byte, error) {
	data, err := fs.ReadFile(os.DirFS(t.dir), name)
	if err == nil && name == t.Path {
		data = slices.Clone(data)
		data[t.At] ^= 1
	}
	return data, err
}

func (t tiles) ReadCheckpoint(context.Context) ([]byte, error) { return t.ReadFile("checkpoint") }

func (t tiles) ReadTile(_ context.Context, l, i uint64, p uint8) ([]byte, error) {
	return t.ReadFile(layout.TilePath(l, i, p))
}

func (t tiles) ReadEntryBundle(_ context.Context, i uint64, p uint8) ([]byte, error) {
	return t.ReadFile(layout.EntriesPath(i, p))
}

func hashes(bundle []byte) (all [][]byte, err error) {
	entries := &api.EntryBundle{}
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	for _, entry := range entries.Entries {
		all = append(all, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return all, nil
}

func byTorchwood(ctx context.Context, t tiles, verifier note.Verifier) (entries int64, err error) {
	signed, err := t.ReadFile("checkpoint")
	if err != nil {
		return 0, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return 0, err
	}
	checkpoint, err := torchwood.ParseCheckpoint(opened.Text)
	if err != nil {
		return 0, err
	}
	reader, err := torchwood.NewTileFS(t)
	if err != nil {
		return 0, err
	}
	client, err := torchwood.NewClient(reader)
	if err != nil {
		return 0, err
	}
	for range client.AllEntries(ctx, checkpoint.Tree, 0) {
		entries++
	}
	if client.Err() == nil && entries != checkpoint.N {
		return entries, fmt.Errorf("%d of %d entries", entries, checkpoint.N)
	}
	return entries, client.Err()
}

func byTessera(ctx context.Context, t tiles, verifier note.Verifier) (err error) {
	defer func() {
		if broken := recover(); broken != nil { // a bundle with too few entries
			err = fmt.Errorf("%v", broken)
		}
	}()
	// a worker that finds something ends, and the last one would leave the others waiting
	return fsck.New(verifier.Name(), verifier, t, hashes, fsck.Opts{N: 8}).Check(ctx)
}

func said(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		panic(err)
	}
	verifier, err := note.NewVerifier(asked.Vkey)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	var answers []answer
	for _, one := range append([]mutant{{}}, asked.Mutants...) {
		t := tiles{asked.Dir, one}
		entries, err := byTorchwood(ctx, t, verifier)
		answers = append(answers, answer{said(err), said(byTessera(ctx, t, verifier)), entries})
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}
