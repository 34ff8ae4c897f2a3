package main

import (
	"sort"
	"strings"

	"github.com/hashicorp/packer/helper/config"
	"github.com/hashicorp/packer/packer"
	"github.com/hashicorp/packer/post-processor/atlas"
)

// amiBuilder hands on the images its template names, {"amis": {"us-east-1": "ami-3a0a1d52"}}, as if it had made them.
type amiBuilder struct {
	config struct {
		AMIs map[string]string `mapstructure:"amis"`
	}
}

func (b *amiBuilder) Prepare(raws ...interface{}) ([]string, error) {
	return nil, config.Decode(&b.config, nil, raws[0])
}

func (b *amiBuilder) Run(packer.Ui, packer.Hook, packer.Cache) (packer.Artifact, error) {
	return amiArtifact(b.config.AMIs), nil
}

func (b *amiBuilder) Cancel() {}

// amiArtifact has the id and the metadata that amazon-ebs gives its artifact.
type amiArtifact map[string]string

func (a amiArtifact) BuilderId() string { return "mitchellh.amazonebs" }
func (a amiArtifact) Files() []string   { return nil }
func (a amiArtifact) String() string    { return "AMIs were created: " + a.Id() }
func (a amiArtifact) Destroy() error    { return nil }

func (a amiArtifact) Id() string {
	var parts []string
	for region, ami := range a {
		parts = append(parts, region+":"+ami)
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}

func (a amiArtifact) State(name string) interface{} {
	if name != atlas.ArtifactStateMetadata {
		return nil
	}
	metadata := make(map[string]string)
	for region, ami := range a {
		metadata["region."+region] = ami
	}
	return metadata
}
