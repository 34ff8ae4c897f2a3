package main

import (
	"fmt"

	"github.com/hashicorp/packer/packer"
)

// announcing prints "DESTROYED <id>" when Packer destroys what the builder built.
type announcing struct{ packer.Builder }

func (b announcing) Run(ui packer.Ui, hook packer.Hook, cache packer.Cache) (packer.Artifact, error) {
	artifact, err := b.Builder.Run(ui, hook, cache)
	if err != nil || artifact == nil {
		return nil, err
	}
	return announcedArtifact{artifact}, nil
}

type announcedArtifact struct{ packer.Artifact }

func (a announcedArtifact) Destroy() error {
	fmt.Println("DESTROYED", a.Id())
	return a.Artifact.Destroy()
}
