// Command packer-atlas builds a Packer template as "packer build" of release 1.2.5 does, with that release's core,
// its null and file builders, its artifice and atlas post-processors, and an "ami" builder that needs no cloud.
//
//	ATLAS_ADDRESS=http://127.0.0.1:8230 ATLAS_TOKEN=… packer-atlas template.json
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/packer/builder/file"
	"github.com/hashicorp/packer/builder/null"
	"github.com/hashicorp/packer/packer"
	"github.com/hashicorp/packer/post-processor/artifice"
	"github.com/hashicorp/packer/post-processor/atlas"
	"github.com/hashicorp/packer/template"
)

var builders = map[string]func() packer.Builder{
	"ami":  func() packer.Builder { return new(amiBuilder) },
	"file": func() packer.Builder { return new(file.Builder) },
	"null": func() packer.Builder { return new(null.Builder) },
}

var postProcessors = map[string]func() packer.PostProcessor{
	"artifice": func() packer.PostProcessor { return new(artifice.PostProcessor) },
	"atlas":    func() packer.PostProcessor { return new(atlas.PostProcessor) },
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: packer-atlas TEMPLATE")
		os.Exit(2)
	}
	if os.Getenv("PACKER_LOG") == "" {
		log.SetOutput(io.Discard)
	}
	if err := build(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// build prepares every build before it runs any, and then runs them at the same time.
func build(path string) error {
	builds, err := prepare(path)
	if err != nil {
		return err
	}
	ui := &packer.BasicUi{Reader: os.Stdin, Writer: os.Stdout, ErrorWriter: os.Stderr}
	cache := &packer.FileCache{CacheDir: os.TempDir()}
	var running sync.WaitGroup
	var failed atomic.Bool
	for _, b := range builds {
		running.Add(1)
		go func(b packer.Build) {
			defer running.Done()
			artifacts, err := b.Run(ui, cache)
			if err != nil {
				failed.Store(true)
				ui.Error(fmt.Sprintf("Build '%s' errored: %s", b.Name(), err))
				return
			}
			for _, artifact := range artifacts {
				ui.Say(fmt.Sprintf("--> %s: %s", b.Name(), artifact))
			}
		}(b)
	}
	running.Wait()
	if failed.Load() {
		return errors.New("some builds did not complete")
	}
	return nil
}

func prepare(path string) ([]packer.Build, error) {
	parsed, err := template.ParseFile(path)
	if err != nil {
		return nil, err
	}
	core, err := packer.NewCore(&packer.CoreConfig{Template: parsed, Version: "1.2.5", Components: components})
	if err != nil {
		return nil, err
	}
	var builds []packer.Build
	for _, name := range core.BuildNames() {
		b, err := core.Build(name)
		if err != nil {
			return nil, err
		}
		if _, err := b.Prepare(); err != nil {
			return nil, err
		}
		builds = append(builds, b)
	}
	return builds, nil
}

var components = packer.ComponentFinder{
	Builder: func(name string) (packer.Builder, error) {
		if create, ok := builders[name]; ok {
			return announcing{create()}, nil
		}
		return nil, fmt.Errorf("no builder %q", name)
	},
	PostProcessor: func(name string) (packer.PostProcessor, error) {
		if create, ok := postProcessors[name]; ok {
			return create(), nil
		}
		return nil, fmt.Errorf("no post-processor %q", name)
	},
	Provisioner: func(name string) (packer.Provisioner, error) { return nil, fmt.Errorf("no provisioner %q", name) },
	Hook:        func(string) (packer.Hook, error) { return nil, nil },
}
