"""Checks COSE receipts of inclusion (RFC 9942) with scitt-cose: one JSON object on standard input, and a JSON list of "ok" or why not."""
import base64
import json
import sys

from scitt_cose import verify_receipt

asked = json.load(sys.stdin)
answers = []
for one in asked["receipts"]:
    result = verify_receipt(
        base64.b64decode(one["receipt"]),
        leaf_entry_hex=base64.b64decode(one["leaf"]).hex(),
        log_public_key_pem=asked["pem"],
    )
    answers.append("ok" if result.ok else "; ".join(result.errors) or "refused")
json.dump(answers, sys.stdout)
