// Command storagetool reads and writes a containers-storage with the library that CRI-O and Podman use, as the oracle and
// the other writer for the tests of pycoco's records. It is no part of pycoco.
//
//	storagetool list ROOT DRIVER              every image, and each of its data items' sizes and digests, as JSON
//	storagetool load ROOT DRIVER              for each line of standard input load the store and answer "ok" or the error
//	storagetool lookup ROOT DRIVER NAME...    the id that each name, digest or prefix stands for, as JSON
//	storagetool create ROOT DRIVER PREFIX N   create N images without layers, one after the other
//	storagetool rename ROOT DRIVER NAME ID    give a name to an image
//	storagetool remove ROOT DRIVER ID         remove an image
//	storagetool check ROOT DRIVER             c/storage's own check of the store; prints what it finds
package main

import (
	"bufio"
	_ "crypto/sha512" // as CRI-O has it: without it such digests are unknown
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"go.podman.io/storage"
	"go.podman.io/storage/pkg/reexec"
)

func main() {
	if reexec.Init() {
		return
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "storagetool:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: storagetool COMMAND ROOT DRIVER [ARGUMENT]")
	}
	command, root, driver, rest := args[0], args[1], args[2], args[3:]
	if command == "load" {
		return load(root, driver)
	}
	store, err := open(root, driver)
	if err != nil {
		return err
	}
	defer store.Free()
	switch command {
	case "list":
		return list(store)
	case "lookup":
		return lookup(store, rest)
	case "create":
		count, err := strconv.Atoi(rest[1])
		if err != nil {
			return err
		}
		return create(store, rest[0], count)
	case "rename":
		return store.AddNames(rest[1], []string{rest[0]})
	case "remove":
		_, err := store.DeleteImage(rest[0], true)
		return err
	case "check":
		return check(store)
	}
	return fmt.Errorf("no command %q", command)
}

func open(root, driver string) (storage.Store, error) {
	return storage.GetStore(storage.StoreOptions{
		GraphRoot:       root,
		RunRoot:         filepath.Join(filepath.Dir(root), "run"),
		GraphDriverName: driver,
	})
}

type item struct {
	Size   int64  `json:"size"`
	Digest string `json:"digest"`
	Bytes  []byte `json:"bytes"`
}

type image struct {
	ID       string          `json:"id"`
	Digest   string          `json:"digest"`
	Names    []string        `json:"names"`
	History  []string        `json:"history"`
	Layer    string          `json:"layer"`
	Metadata string          `json:"metadata"`
	Created  string          `json:"created"`
	Size     int64           `json:"size"`
	Items    map[string]item `json:"items"`
}

// list reads everything that CRI-O's ListImages reads of a store, and more.
func list(store storage.Store) error {
	stored, err := store.Images()
	if err != nil {
		return err
	}
	images := []image{}
	for _, each := range stored {
		size, err := store.ImageSize(each.ID)
		if err != nil {
			return err
		}
		items := map[string]item{}
		for _, key := range each.BigDataNames {
			body, err := store.ImageBigData(each.ID, key)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", key, each.ID, err)
			}
			length, err := store.ImageBigDataSize(each.ID, key)
			if err != nil {
				return err
			}
			digest, err := store.ImageBigDataDigest(each.ID, key)
			if err != nil {
				return err
			}
			items[key] = item{length, digest.String(), body}
		}
		created, err := each.Created.MarshalText()
		if err != nil {
			return err
		}
		images = append(images, image{each.ID, each.Digest.String(), each.Names, each.NamesHistory, each.TopLayer,
			each.Metadata, string(created), size, items})
	}
	return json.NewEncoder(os.Stdout).Encode(images)
}

// load opens the store anew for each line, so that one process can be asked about many states of it.
func load(root, driver string) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println(loaded(root, driver))
	}
	return lines.Err()
}

func loaded(root, driver string) (answer string) {
	defer func() {
		if failure := recover(); failure != nil {
			answer = fmt.Sprintf("%q", fmt.Sprint("panic: ", failure))
		}
	}()
	store, err := open(root, driver)
	if err == nil {
		defer store.Free()
		_, err = store.Images()
	}
	if err != nil {
		return fmt.Sprintf("%q", err.Error())
	}
	return "ok"
}

func lookup(store storage.Store, names []string) error {
	found := map[string]string{}
	for _, name := range names {
		if image, err := store.Image(name); err == nil {
			found[name] = image.ID
		}
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

func create(store storage.Store, prefix string, count int) error {
	for number := range count {
		name := fmt.Sprintf("%s:%d", prefix, number)
		options := &storage.ImageOptions{BigData: []storage.ImageBigDataOption{{Key: "note", Data: []byte(name)}}}
		if _, err := store.CreateImage("", []string{name}, "", "{}", options); err != nil {
			return err
		}
	}
	return nil
}

func check(store storage.Store) error {
	report, err := store.Check(storage.CheckEverything())
	if err != nil {
		return err
	}
	found := map[string][]string{}
	for id, problems := range report.Images {
		for _, problem := range problems {
			found[id] = append(found[id], problem.Error())
		}
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}
