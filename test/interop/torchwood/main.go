// Reads questions as one JSON object from standard input: a tlog-policy, the hash of a record, and proofs. Answers with
// filippo.io/torchwood, one line a proof: "ok", or why it is refused. "policy: …" alone says that the policy is refused.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

type questions struct {
	Policy string
	Record string
	Proofs []string
}

func main() {
	var asked questions
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, "no questions:", err)
		os.Exit(1)
	}
	policy, err := torchwood.ParsePolicy([]byte(asked.Policy))
	if err != nil {
		fmt.Println("policy:", err)
		return
	}
	var record tlog.Hash
	if bytes, err := hex.DecodeString(asked.Record); err != nil || copy(record[:], bytes) != len(record) {
		fmt.Fprintln(os.Stderr, "no hash of a record")
		os.Exit(1)
	}
	for _, proof := range asked.Proofs {
		if err := torchwood.VerifyProof(policy, record, []byte(proof)); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok")
		}
	}
}
