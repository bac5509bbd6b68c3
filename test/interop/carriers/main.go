// Carriers copies standard input, a container's standard output, into a log file with the code of Docker or of containerd.
//
//	carriers docker [-stderr FILE] [-log-opt KEY=VALUE]... LOG
//	carriers cri [-stderr FILE] [-max-size BYTES] LOG
package main

import (
	"flag"
	"io"
	"log"
	"os"
	"strings"
)

// options is a flag that may be given more than once.
type options map[string]string

func (o options) String() string { return "" }

func (o options) Set(text string) error {
	key, value, _ := strings.Cut(text, "=")
	o[key] = value
	return nil
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("carriers docker|cri [flags] LOG")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	beside := flags.String("stderr", os.DevNull, "the container's standard error")
	maxSize := flags.Int64("max-size", 0, "cri: reopen the log where it has so many bytes (0: never)")
	opts := options{}
	flags.Var(opts, "log-opt", "docker: as of docker run")
	if err := flags.Parse(os.Args[2:]); err != nil {
		log.Fatal(err)
	}
	stderr, err := os.Open(*beside)
	if err != nil {
		log.Fatal(err)
	}
	carry := map[string]func(stdout, stderr io.Reader, path string) error{
		"docker": func(stdout, stderr io.Reader, path string) error { return docker(stdout, stderr, path, opts) },
		"cri":    func(stdout, stderr io.Reader, path string) error { return cri(stdout, stderr, path, *maxSize) },
	}[flags.Name()]
	if carry == nil || flags.NArg() != 1 {
		log.Fatal("carriers docker|cri [flags] LOG")
	}
	if err := carry(os.Stdin, stderr, flags.Arg(0)); err != nil {
		log.Fatal(err)
	}
}
