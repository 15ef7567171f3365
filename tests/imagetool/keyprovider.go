package main

// The key provider: ocicrypt's protocol for external programs (ocicrypt docs/keyprovider.md), wrapping a layer's key into the
// annotation packets of Confidential Containers (guest-components: coco_keyprovider/src/enc_mods/mod.rs for the first form,
// confidential-data-hub/hub/src/image/annotation_packet/v2.rs for the second).

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/containers/ocicrypt/keywrap/keyprovider"
)

// packet is both forms of annotation; Version and Provider are only in the second. []byte is base64 in JSON, as CoCo has it.
type packet struct {
	Version     string            `json:"version,omitempty"`
	KeyID       string            `json:"kid"`
	WrappedData []byte            `json:"wrapped_data"`
	Provider    string            `json:"provider,omitempty"`
	IV          []byte            `json:"iv"`
	WrapType    string            `json:"wrap_type"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// The protocol as it goes over the pipe. ocicrypt's own output type is reused; its input carries configuration not needed here.
type providerInput struct {
	Operation     keyprovider.KeyProviderKeyWrapProtocolOperation `json:"op"`
	KeyWrapParams struct {
		Ec struct {
			Parameters map[string][][]byte
		} `json:"ec"`
		OptsData []byte `json:"optsdata"`
	} `json:"keywrapparams"`
	KeyUnwrapParams struct {
		Annotation []byte `json:"annotation"`
	} `json:"keyunwrapparams"`
}

// runKeyProvider answers one request of ocicrypt, as an external command does: JSON in on stdin, JSON out on stdout.
func runKeyProvider(args []string) error {
	flags := flag.NewFlagSet("keyprovider", flag.ContinueOnError)
	keyFile := flags.String("key", "", "the file with the 32 byte key that wraps")
	if err := flags.Parse(args); err != nil {
		return err
	}
	key, err := os.ReadFile(*keyFile)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	var input providerInput
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		return err
	}
	output, err := answer(input, aead)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(output)
}

func answer(input providerInput, aead cipher.AEAD) (keyprovider.KeyProviderKeyWrapProtocolOutput, error) {
	var output keyprovider.KeyProviderKeyWrapProtocolOutput
	var err error
	switch input.Operation {
	case keyprovider.OpKeyWrap:
		parameters := input.KeyWrapParams.Ec.Parameters[attestationAgent]
		output.KeyWrapResults.Annotation, err = wrap(aead, parameters, input.KeyWrapParams.OptsData)
	case keyprovider.OpKeyUnwrap:
		output.KeyUnwrapResults.OptsData, err = unwrap(aead, input.KeyUnwrapParams.Annotation)
	default:
		err = fmt.Errorf("no operation %q", input.Operation)
	}
	return output, err
}

// wrap takes its parameters as CoCo's key provider does: NAME=VALUE::NAME=VALUE in the first one.
func wrap(aead cipher.AEAD, parameters [][]byte, secret []byte) ([]byte, error) {
	if len(parameters) == 0 {
		return nil, fmt.Errorf("no parameters for %s", attestationAgent)
	}
	fields := map[string]string{}
	for _, field := range strings.Split(string(parameters[0]), "::") {
		name, value, _ := strings.Cut(field, "=")
		fields[name] = value
	}
	iv := make([]byte, aead.NonceSize())
	if _, err := rand.Read(iv); err != nil {
		return nil, err
	}
	out := packet{KeyID: fields["keyid"], WrappedData: aead.Seal(nil, iv, secret, nil), IV: iv, WrapType: "A256GCM"}
	if fields["packet"] == "v2" {
		out.Version, out.Provider = "0.1.0", "kbs"
	}
	return json.Marshal(out)
}

func unwrap(aead cipher.AEAD, annotation []byte) ([]byte, error) {
	var in packet
	if err := json.Unmarshal(annotation, &in); err != nil {
		return nil, err
	}
	if len(in.IV) != aead.NonceSize() {
		return nil, fmt.Errorf("the packet's iv has %d bytes, not %d", len(in.IV), aead.NonceSize())
	}
	return aead.Open(nil, in.IV, in.WrappedData, nil)
}
