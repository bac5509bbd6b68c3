// Checks COSE receipts of inclusion (RFC 9942) with two libraries of other people: go-cose reads them and checks the signature,
// and transparency-dev/merkle computes the root from leaf and proof. The question is one JSON object on standard input; the
// answer is, for each receipt, "ok", or why not.
package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/fxamacker/cbor/v2"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/veraison/go-cose"
)

type question struct {
	Alg int64
	// DER SubjectPublicKeyInfo.
	Key      []byte
	Receipts []struct{ Receipt, Leaf []byte }
}

// rs256 is the one algorithm of ours that go-cose has a number and no code for.
type rs256 struct{ key *rsa.PublicKey }

func (rs256) Algorithm() cose.Algorithm { return cose.AlgorithmRS256 }

func (v rs256) Verify(content, signature []byte) error {
	digest := sha256.Sum256(content)
	return rsa.VerifyPKCS1v15(v.key, crypto.SHA256, digest[:], signature)
}

func verifierOf(alg cose.Algorithm, spki []byte) (cose.Verifier, error) {
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, err
	}
	if alg == cose.AlgorithmRS256 {
		return rs256{key.(*rsa.PublicKey)}, nil
	}
	return cose.NewVerifier(alg, key)
}

type inclusion struct {
	_     struct{} `cbor:",toarray"`
	Size  uint64
	Index uint64
	Path  [][]byte
}

func check(receipt, leaf []byte, verifier cose.Verifier) error {
	var message cose.Sign1Message
	if err := message.UnmarshalCBOR(receipt); err != nil {
		return err
	}
	if message.Payload != nil {
		return errors.New("the payload is attached")
	}
	if message.Headers.Protected[int64(395)] != int64(1) {
		return errors.New("not of RFC9162_SHA256")
	}
	proofs, ok := message.Headers.Unprotected[int64(396)].(map[any]any)
	if !ok {
		return errors.New("no proofs")
	}
	list, ok := proofs[int64(-1)].([]any)
	if !ok || len(list) != 1 {
		return errors.New("not one inclusion proof")
	}
	bytes, ok := list[0].([]byte)
	if !ok {
		return errors.New("the inclusion proof is no byte string")
	}
	var at inclusion
	if err := cbor.Unmarshal(bytes, &at); err != nil {
		return err
	}
	root, err := proof.RootFromInclusionProof(rfc6962.DefaultHasher, at.Index, at.Size, rfc6962.DefaultHasher.HashLeaf(leaf), at.Path)
	if err != nil {
		return err
	}
	message.Payload = root
	return message.Verify(nil, verifier)
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	verifier, err := verifierOf(cose.Algorithm(asked.Alg), asked.Key)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	answers := make([]string, len(asked.Receipts))
	for i, one := range asked.Receipts {
		answers[i] = "ok"
		if err := check(one.Receipt, one.Leaf, verifier); err != nil {
			answers[i] = err.Error()
		}
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}
