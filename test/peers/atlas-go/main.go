// Command atlas-go makes one call of HashiCorp's atlas-go client and prints its outcome as JSON:
// {"result": …} with exit code 0, or {"error": "…"} with exit code 1.
//
//	ATLAS_ADDRESS=http://127.0.0.1:8230 ATLAS_TOKEN=… atlas-go search -version latest acmeinc/web amazon.image
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	atlas "github.com/hashicorp/atlas-go/v1"
)

type call func(client *atlas.Client, args []string) (interface{}, error)

var calls = map[string]call{
	"verify":   verify,
	"login":    login,
	"artifact": artifact,
	"create":   create,
	"upload":   upload,
	"search":   search,
	"file-url": fileURLs,
}

func main() {
	if os.Getenv("ATLAS_LOG") == "" {
		log.SetOutput(io.Discard)
	}
	if len(os.Args) < 2 || calls[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: atlas-go verify|login|artifact|create|upload|search|file-url [OPTIONS] [ARGUMENTS]")
		os.Exit(2)
	}
	result, err := calls[os.Args[1]](atlas.DefaultClient(), os.Args[2:])
	if err != nil {
		printJSON(map[string]interface{}{"error": err.Error()})
		os.Exit(1)
	}
	printJSON(map[string]interface{}{"result": result})
}

func printJSON(value interface{}) {
	if err := json.NewEncoder(os.Stdout).Encode(value); err != nil {
		panic(err)
	}
}

func verify(client *atlas.Client, args []string) (interface{}, error) {
	return nil, client.Verify()
}

// login USER PASSWORD
func login(client *atlas.Client, args []string) (interface{}, error) {
	return client.Login(argument(args, 0, "USER"), argument(args, 1, "PASSWORD"))
}

// artifact NAMESPACE/NAME
func artifact(client *atlas.Client, args []string) (interface{}, error) {
	user, name, err := atlas.ParseSlug(argument(args, 0, "ARTIFACT"))
	if err != nil {
		return nil, err
	}
	return client.Artifact(user, name)
}

// create NAMESPACE/NAME
func create(client *atlas.Client, args []string) (interface{}, error) {
	user, name, err := atlas.ParseSlug(argument(args, 0, "ARTIFACT"))
	if err != nil {
		return nil, err
	}
	return client.CreateArtifact(user, name)
}

// upload [OPTIONS] NAMESPACE/NAME TYPE
func upload(client *atlas.Client, args []string) (interface{}, error) {
	options := flag.NewFlagSet("upload", flag.ExitOnError)
	id := options.String("id", "", "id of the artifact")
	buildID := options.Int("build-id", 0, "id of the build")
	compileID := options.Int("compile-id", 0, "id of the compile")
	path := options.String("file", "", "file to upload")
	sizeless := options.Bool("sizeless", false, "upload the file without saying its size")
	metadata := pairs{}
	options.Var(metadata, "metadata", "KEY=VALUE, may be repeated")
	options.Parse(args)
	user, name, err := atlas.ParseSlug(argument(options.Args(), 0, "ARTIFACT"))
	if err != nil {
		return nil, err
	}
	opts := &atlas.UploadArtifactOpts{
		User: user, Name: name, Type: argument(options.Args(), 1, "TYPE"),
		ID: *id, BuildID: *buildID, CompileID: *compileID,
	}
	if len(metadata) > 0 {
		opts.Metadata = metadata
	}
	if *path != "" {
		file, err := os.Open(*path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		opts.File = file
		if !*sizeless {
			info, err := file.Stat()
			if err != nil {
				return nil, err
			}
			opts.FileSize = info.Size()
		}
	}
	return client.UploadArtifact(opts)
}

// search [OPTIONS] NAMESPACE/NAME TYPE
func search(client *atlas.Client, args []string) (interface{}, error) {
	return find(client, args)
}

// file-url [OPTIONS] NAMESPACE/NAME TYPE: the file URL of every version that a search finds, null without a file
func fileURLs(client *atlas.Client, args []string) (interface{}, error) {
	versions, err := find(client, args)
	if err != nil {
		return nil, err
	}
	urls := make([]*string, len(versions))
	for i, version := range versions {
		url, err := client.ArtifactFileURL(version)
		if err != nil {
			return nil, err
		}
		if url != nil {
			text := url.String()
			urls[i] = &text
		}
	}
	return urls, nil
}

func find(client *atlas.Client, args []string) ([]*atlas.ArtifactVersion, error) {
	options := flag.NewFlagSet("search", flag.ExitOnError)
	version := options.String("version", "", "latest, any or a number")
	build := options.String("build", "", "latest, any or a number")
	metadata := pairs{}
	options.Var(metadata, "metadata", "KEY=VALUE, or KEY for any value, may be repeated")
	options.Parse(args)
	user, name, err := atlas.ParseSlug(argument(options.Args(), 0, "ARTIFACT"))
	if err != nil {
		return nil, err
	}
	return client.ArtifactSearch(&atlas.ArtifactSearchOpts{
		User: user, Name: name, Type: argument(options.Args(), 1, "TYPE"),
		Version: *version, Build: *build, Metadata: metadata,
	})
}

func argument(args []string, index int, what string) string {
	if index >= len(args) {
		fmt.Fprintln(os.Stderr, "missing argument:", what)
		os.Exit(2)
	}
	return args[index]
}

// pairs collects KEY=VALUE options; a KEY alone stands for any value.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(text string) error {
	key, value, given := strings.Cut(text, "=")
	if !given {
		value = atlas.MetadataAnyValue
	}
	p[key] = value
	return nil
}
