// Command imagetool builds small real images for the tests and the demo: tar layers, compressed, encrypted by the
// ocicrypt library itself, in an OCI image layout. It is no part of pycoco, pushes nothing (tests/support/registry.py does) and
// decrypts nothing but what its own key provider is asked for.
//
//	imagetool build --keys DIR --layout DIR SPEC.json   prints what was built as JSON; "-" reads the specification from stdin
//	imagetool keyprovider --key FILE                    ocicrypt's key provider protocol on stdin and stdout, as CoCo's does it
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "imagetool:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("which command: build or keyprovider?")
	}
	switch args[0] {
	case "build":
		return build(args[1:])
	case "keyprovider":
		return runKeyProvider(args[1:])
	}
	return fmt.Errorf("no command %q: it is build or keyprovider", args[0])
}

// build reads a specification (a JSON object: the name of each image, and the image) and writes all of them into one layout.
func build(args []string) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	keyDir := flags.String("keys", "", "where the private keys of this run are written")
	layoutDir := flags.String("layout", "", "the OCI image layout to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *keyDir == "" || *layoutDir == "" || flags.NArg() != 1 {
		return fmt.Errorf("usage: imagetool build --keys DIR --layout DIR SPEC.json")
	}
	spec, err := readSpec(flags.Arg(0))
	if err != nil {
		return err
	}
	recipients, err := newRecipients(*keyDir)
	if err != nil {
		return err
	}
	layout, err := newLayout(*layoutDir)
	if err != nil {
		return err
	}
	builder := builder{layout: layout, recipients: recipients}
	images := map[string]*built{}
	for name, image := range spec {
		if images[name], err = builder.build(image); err != nil {
			return fmt.Errorf("image %q: %w", name, err)
		}
	}
	if err := layout.finish(images); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(images)
}

func readSpec(name string) (map[string]image, error) {
	in := io.Reader(os.Stdin)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	spec := map[string]image{}
	decoder := json.NewDecoder(in)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&spec); err != nil {
		return nil, fmt.Errorf("specification %s: %w", name, err)
	}
	return spec, nil
}
