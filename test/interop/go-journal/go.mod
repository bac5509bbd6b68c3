module fapilog-tamper/interop-journal

go 1.24.0

require github.com/transparency-dev/merkle v0.0.2
