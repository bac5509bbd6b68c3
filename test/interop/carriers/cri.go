package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	cio "github.com/containerd/containerd/pkg/cri/io"
	"github.com/containerd/containerd/pkg/ioutil"
)

const (
	// maxLine is containerd's default of max_container_log_line_size.
	maxLine = 16 * 1024
	// chunk is what io.Copy reads of a container's pipe at a time.
	chunk = 32 * 1024
	key   = "log"
)

// container has the outputs that containerd's ContainerIO has, and a log that can be reopened.
type container struct {
	path    string
	stdout  *ioutil.WriterGroup
	stderr  *ioutil.WriterGroup
	rotated int
	closed  sync.WaitGroup
}

// cri does what containerd does for a container of Kubernetes (ContainerIO.Pipe), and what the kubelet does meanwhile: it
// renames a log that is too large and has it reopened, wherever in a line that is.
func cri(stdout, stderr io.Reader, path string, maxSize int64) error {
	c := &container{path: path, stdout: ioutil.NewWriterGroup(), stderr: ioutil.NewWriterGroup()}
	if err := c.reopen(); err != nil {
		return err
	}
	beside := make(chan error)
	go func() {
		_, err := io.Copy(c.stderr, stderr)
		beside <- err
	}()
	if err := c.copyStdout(stdout, maxSize); err != nil {
		return err
	}
	if err := <-beside; err != nil {
		return err
	}
	c.stdout.Close()
	c.stderr.Close()
	c.closed.Wait()
	return nil
}

func (c *container) copyStdout(stdout io.Reader, maxSize int64) error {
	buf := make([]byte, chunk)
	for {
		n, err := stdout.Read(buf)
		if n > 0 {
			if _, err := c.stdout.Write(buf[:n]); err != nil {
				return err
			}
			if err := c.rotate(maxSize); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// rotate is the kubelet's part (containerLogManager.rotateLatestLog), without a clock.
func (c *container) rotate(maxSize int64) error {
	info, err := os.Stat(c.path)
	if err != nil || maxSize == 0 || info.Size() < maxSize {
		return err
	}
	c.rotated++
	if err := os.Rename(c.path, fmt.Sprintf("%s.20261124-%06d", c.path, c.rotated)); err != nil {
		return err
	}
	return c.reopen()
}

// reopen is criService.ReopenContainerLog with createContainerLoggers.
func (c *container) reopen() error {
	file, err := os.OpenFile(c.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	shared := ioutil.NewSerialWriteCloser(file)
	stdout, stdoutDone := cio.NewCRILogger(c.path, shared, cio.Stdout, maxLine)
	stderr, stderrDone := cio.NewCRILogger(c.path, shared, cio.Stderr, maxLine)
	c.closed.Add(1)
	go func() {
		defer c.closed.Done()
		<-stdoutDone
		<-stderrDone
		file.Close()
	}()
	oldStdout, oldStderr := c.stdout.Get(key), c.stderr.Get(key)
	c.stdout.Add(key, stdout)
	c.stderr.Add(key, stderr)
	for _, old := range []io.Closer{oldStdout, oldStderr} {
		if old != nil {
			old.Close()
		}
	}
	return nil
}
