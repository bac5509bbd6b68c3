// Reads questions as one JSON object from standard input and answers with golang.org/x/mod: does a signed note open, do
// proofs of ours hold? It prints "ok" or says what failed.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type questions struct {
	Notes []struct {
		Note string
		Vkey string
		Text string
	}
	Inclusion []struct {
		Size, Index int64
		Leaf, Root  string
		Proof       []string
	}
	Consistency []struct {
		First, Second         int64
		FirstRoot, SecondRoot string
		Proof                 []string
	}
}

func fail(format string, values ...any) {
	fmt.Printf(format+"\n", values...)
	os.Exit(1)
}

func hash(text string) (h tlog.Hash) {
	bytes, err := hex.DecodeString(text)
	if err != nil || len(bytes) != len(h) {
		fail("%q is no hash", text)
	}
	copy(h[:], bytes)
	return h
}

func hashes(texts []string) (all []tlog.Hash) {
	for _, text := range texts {
		all = append(all, hash(text))
	}
	return all
}

func main() {
	var asked questions
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fail("no questions: %v", err)
	}
	for _, one := range asked.Notes {
		verifier, err := note.NewVerifier(one.Vkey)
		if err != nil {
			fail("vkey %s: %v", one.Vkey, err)
		}
		opened, err := note.Open([]byte(one.Note), note.VerifierList(verifier))
		if err != nil {
			fail("note %q: %v", one.Note, err)
		}
		if opened.Text != one.Text || len(opened.Sigs) != 1 {
			fail("note %q: text %q with %d signatures", one.Note, opened.Text, len(opened.Sigs))
		}
	}
	for _, one := range asked.Inclusion {
		if err := tlog.CheckRecord(hashes(one.Proof), one.Size, hash(one.Root), one.Index, hash(one.Leaf)); err != nil {
			fail("inclusion of %d in %d: %v", one.Index, one.Size, err)
		}
	}
	for _, one := range asked.Consistency {
		err := tlog.CheckTree(hashes(one.Proof), one.Second, hash(one.SecondRoot), one.First, hash(one.FirstRoot))
		if err != nil {
			fail("consistency of %d and %d: %v", one.First, one.Second, err)
		}
	}
	fmt.Println("ok")
}
