package main

// The measure of the registry and the relay themselves: the same three requests for an image, by a client that does
// nothing else. What it reaches is what no client under test can exceed.

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

func load(args []string) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	url := flags.String("url", "", "the registry, maybe through a relay")
	control := flags.String("control", "", "the address that lists the images")
	ca := flags.String("ca", "", "the authority to trust")
	connections := flags.Int("connections", 64, "images in flight, and connections")
	images := flags.Int("images", 1000, "how many to read")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listing, err := readListing(*control)
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(*ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: *connections, MaxConnsPerHost: *connections,
	}}
	fetch := func(path, token string) error { return get(client, *url+path, "Bearer "+token) }

	var next atomic.Int64
	var failed atomic.Pointer[error]
	var group sync.WaitGroup
	started := time.Now()
	for range *connections {
		group.Go(func() {
			for number := next.Add(1) - 1; number < int64(*images); number = next.Add(1) - 1 {
				image := listing[number%int64(len(listing))]
				for _, path := range []string{"manifests/" + image.Tag, "manifests/" + image.Instance, "blobs/" + image.Config} {
					if err := fetch("/v2/"+image.Name+"/"+path, image.Token); err != nil {
						failed.Store(&err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	if cause := failed.Load(); cause != nil {
		return *cause
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"seconds": time.Since(started).Seconds()})
}

func readListing(control string) ([]listed, error) {
	answer, err := http.Get("http://" + control + "/images")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	content := struct {
		Images []listed `json:"images"`
	}{}
	err = json.NewDecoder(answer.Body).Decode(&content)
	return content.Images, err
}

func get(client *http.Client, url, authorization string) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", authorization)
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
