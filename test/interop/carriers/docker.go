package main

import (
	"io"

	"github.com/docker/docker/daemon/logger"
	"github.com/docker/docker/daemon/logger/jsonfilelog"
)

// docker does what the daemon does for a container with the driver json-file (daemon/container, StartLogger and CopyToPipe).
func docker(stdout, stderr io.Reader, path string, opts map[string]string) error {
	if err := jsonfilelog.ValidateLogOpt(opts); err != nil {
		return err
	}
	driver, err := jsonfilelog.New(logger.Info{
		Config:        opts,
		ContainerID:   "4f66ad9a0b2e4f66ad9a0b2e4f66ad9a0b2e4f66ad9a0b2e4f66ad9a0b2e4f66",
		ContainerName: "/pay",
		LogPath:       path,
	})
	if err != nil {
		return err
	}
	copier := logger.NewCopier(map[string]io.Reader{"stdout": stdout, "stderr": stderr}, driver)
	copier.Run()
	copier.Wait()
	return driver.Close()
}
