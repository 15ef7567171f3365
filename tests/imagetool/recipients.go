package main

// Recipients: one fresh key for each of ocicrypt's protocols, written out for tests that decrypt, and the encryption
// configuration for the protocols a layer asks for.

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/containers/ocicrypt"
	"github.com/containers/ocicrypt/config"
	keyproviderconfig "github.com/containers/ocicrypt/config/keyprovider-config"
	"github.com/containers/ocicrypt/keywrap/keyprovider"
)

const (
	attestationAgent = "attestation-agent"
	defaultKeyID     = "kbs:///default/image-key/1"
	pgpAddress       = "demo@pycoco.invalid"
)

// recipient is one entry of a layer's "encrypt": a protocol's name, or an object when a provider's key id or packet matters.
type recipient struct {
	Protocol string `json:"protocol"`
	KeyID    string `json:"kid"`
	Packet   string `json:"packet"` // "v1" (default) or "v2", CoCo's two forms of annotation
}

func (r *recipient) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &r.Protocol); err == nil {
		return nil
	}
	type plain recipient
	return json.Unmarshal(text, (*plain)(r))
}

// recipients holds what encryption needs; the private halves are only in the files.
type recipients struct {
	jwePublic  []byte
	pkcs7Cert  []byte
	pgpKeyRing []byte
}

// newRecipients makes the keys and registers the key provider with ocicrypt, which otherwise reads a file named in the environment.
func newRecipients(dir string) (*recipients, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	r := &recipients{}
	for _, make := range []func(string) error{r.makeJWE, r.makePKCS7, r.makePGP, makeImageKey} {
		if err := make(dir); err != nil {
			return nil, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := &keyproviderconfig.Command{Path: self, Args: []string{"keyprovider", "--key", imageKeyFile(dir)}}
	attributes := keyproviderconfig.KeyProviderAttrs{Command: command}
	ocicrypt.RegisterKeyWrapper("provider."+attestationAgent, keyprovider.NewKeyWrapper(attestationAgent, attributes))
	return r, nil
}

func (r *recipients) makeJWE(dir string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	r.jwePublic = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	return writeKeys(dir, map[string][]byte{"jwe.pem": privatePEM(key), "jwe.pub.pem": r.jwePublic})
}

func (r *recipients) makePKCS7(dir string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(20240506), Subject: pkix.Name{CommonName: "pycoco demo recipient"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	r.pkcs7Cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	return writeKeys(dir, map[string][]byte{"pkcs7.pem": privatePEM(key), "pkcs7.cert.pem": r.pkcs7Cert})
}

func (r *recipients) makePGP(dir string) error {
	entity, err := openpgp.NewEntity("pycoco demo", "", pgpAddress, nil)
	if err != nil {
		return err
	}
	var private, public bytes.Buffer
	if err := entity.SerializePrivate(&private, nil); err != nil {
		return err
	}
	if err := entity.Serialize(&public); err != nil {
		return err
	}
	r.pgpKeyRing = public.Bytes()
	return writeKeys(dir, map[string][]byte{"pgp.key": private.Bytes(), "pgp.pub": public.Bytes()})
}

// makeImageKey makes the key that a CoCo guest would be given by the key broker for kbs:///default/image-key/1.
func makeImageKey(dir string) error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	return os.WriteFile(imageKeyFile(dir), key, 0o600)
}

func imageKeyFile(dir string) string {
	path, err := filepath.Abs(filepath.Join(dir, "image-key-1"))
	if err != nil {
		return filepath.Join(dir, "image-key-1")
	}
	return path
}

func privatePEM(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func writeKeys(dir string, files map[string][]byte) error {
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// encryptConfig joins the configurations of all the recipients of one layer.
func (r *recipients) encryptConfig(wanted []recipient) (*config.EncryptConfig, error) {
	parts := []config.CryptoConfig{}
	for _, recipient := range wanted {
		part, err := r.cryptoConfig(recipient)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return config.CombineCryptoConfigs(parts).EncryptConfig, nil
}

func (r *recipients) cryptoConfig(recipient recipient) (config.CryptoConfig, error) {
	switch recipient.Protocol {
	case "jwe":
		return config.EncryptWithJwe([][]byte{r.jwePublic})
	case "pkcs7":
		return config.EncryptWithPkcs7([][]byte{r.pkcs7Cert})
	case "pgp":
		return config.EncryptWithGpg([][]byte{[]byte(pgpAddress)}, r.pgpKeyRing)
	case "provider." + attestationAgent:
		fields := []string{"keyid=" + orDefault(recipient.KeyID, defaultKeyID), "packet=" + orDefault(recipient.Packet, "v1")}
		return config.EncryptWithKeyProvider([][]byte{[]byte(attestationAgent + ":" + strings.Join(fields, "::"))})
	}
	return config.CryptoConfig{}, fmt.Errorf("no protocol %q: it is jwe, pkcs7, pgp or provider.%s", recipient.Protocol, attestationAgent)
}

func orDefault(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
