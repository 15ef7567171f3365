// JSON that every reader must read alike: the same rule in both twins (pycoco/backends/python/strict_json.py).
//
// encoding/json reads keys in any case, merges duplicates and replaces bad text, so one document can mean two things to
// two readers. What could is refused, in this order, each step over the whole document: syntax, keys, known fields in
// another case. Only then does containers/image parse it.

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// depthLimit is what Python's parser can always do (strict_json.DEPTH_LIMIT).
const depthLimit = 200

// freeForm are the members whose keys are data, not names: keys that differ only in case are different there.
var freeForm = map[string]bool{"annotations": true, "Labels": true, "Volumes": true, "ExposedPorts": true}

// checkJSON accepts one strict JSON object whose keys are unambiguous, to be decoded into structs of the types in into.
// It refuses what is not UTF-8, a byte-order mark, unpaired surrogates, trailing bytes, numbers beyond a float64,
// nesting beyond depthLimit, duplicate keys, keys that differ only in case, and keys that are a field in another case.
func checkJSON(body []byte, what string, into ...reflect.Type) error {
	if err := checkSyntaxAndKeys(body, what); err != nil {
		return err
	}
	var document any
	if err := json.Unmarshal(body, &document); err != nil { // a number out of range
		return &failure{Code: codeManifest, Message: fmt.Sprintf("%s is not valid JSON: %v", what, err)}
	}
	for _, each := range into {
		if key, field := fieldInAnotherCase(document, each); key != "" {
			return &failure{
				Code:    codeAmbiguousManifest,
				Message: fmt.Sprintf("%s can be read in two ways: the key %q is %q to some readers", what, key, field),
			}
		}
	}
	return nil
}

func checkSyntaxAndKeys(body []byte, what string) error {
	decoder := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	open := []*jsonObject{}
	var ambiguity error
	for first := true; ; first = false {
		token, err := decoder.ReadToken()
		if err == io.EOF && !first {
			return ambiguity
		}
		if err != nil {
			return malformed(what, err)
		}
		switch {
		case first && token.Kind() != '{':
			return &failure{Code: codeManifest, Message: what + " is not a JSON object"}
		case !first && len(open) == 0:
			return &failure{Code: codeManifest, Message: what + " has something after its JSON object"}
		case token.Kind() == '{' || token.Kind() == '[':
			if len(open) >= depthLimit {
				return &failure{Code: codeManifest, Message: fmt.Sprintf("%s is nested more than %d deep", what, depthLimit)}
			}
			open = append(open, openJSON(token.Kind() == '{', open))
		case token.Kind() == '}' || token.Kind() == ']':
			open = open[:len(open)-1]
		default:
			kind, count := decoder.StackIndex(decoder.StackDepth())
			if isKey := kind == '{' && count%2 == 1; isKey {
				if err := open[len(open)-1].addKey(token.String(), what); err != nil && ambiguity == nil {
					ambiguity = err
				}
			}
		}
	}
}

func malformed(what string, err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return &failure{Code: codeManifest, Message: fmt.Sprintf("%s is not valid JSON at byte %d", what, syntax.ByteOffset)}
	}
	return &failure{Code: codeManifest, Message: what + " is not valid JSON"}
}

// jsonObject is one open object, or an open array with no keys.
type jsonObject struct {
	keys     map[string]string // by folded key, or by the key itself where keys are data
	freeForm bool
	lastKey  string
}

func openJSON(isObject bool, open []*jsonObject) *jsonObject {
	opened := &jsonObject{}
	if isObject {
		opened.keys = map[string]string{}
		if len(open) > 0 {
			parent := open[len(open)-1]
			opened.freeForm = parent.keys != nil && freeForm[parent.lastKey]
		}
	}
	return opened
}

func (o *jsonObject) addKey(key, what string) error {
	o.lastKey = key
	folded := key
	if !o.freeForm {
		folded = foldKey(key)
	}
	if earlier, duplicate := o.keys[folded]; duplicate {
		return &failure{
			Code:    codeAmbiguousManifest,
			Message: fmt.Sprintf("%s can be read in two ways: one object has the keys %q and %q", what, earlier, key),
		}
	}
	o.keys[folded] = key
	return nil
}

// fieldInAnotherCase looks for a key that encoding/json would take for a struct's field although it is spelled in
// another case, wherever the document has the shape of the type.
func fieldInAnotherCase(document any, into reflect.Type) (key, field string) {
	for into.Kind() == reflect.Pointer {
		into = into.Elem()
	}
	switch value := document.(type) {
	case []any:
		if into.Kind() != reflect.Slice {
			return "", ""
		}
		for _, element := range value {
			if key, field := fieldInAnotherCase(element, into.Elem()); key != "" {
				return key, field
			}
		}
	case map[string]any:
		if into.Kind() != reflect.Struct {
			return "", ""
		}
		fields := fieldsOf(into)
		for key, member := range value {
			known, isKnown := fields[foldKey(key)]
			switch {
			case isKnown && known.name != key:
				return key, known.name
			case isKnown:
				if key, field := fieldInAnotherCase(member, known.into); key != "" {
					return key, field
				}
			}
		}
	}
	return "", ""
}

type jsonField struct {
	name string
	into reflect.Type
}

// knownFields remembers what fieldsOf found: reflection costs more than the document's own walk.
var knownFields sync.Map // reflect.Type → map[string]jsonField

// fieldsOf lists a struct's JSON fields by folded name, embedded structs' included.
func fieldsOf(into reflect.Type) map[string]jsonField {
	if known, ok := knownFields.Load(into); ok {
		return known.(map[string]jsonField)
	}
	fields := map[string]jsonField{}
	for _, each := range reflect.VisibleFields(into) {
		name, _, _ := strings.Cut(each.Tag.Get("json"), ",")
		if name != "" && name != "-" && each.IsExported() {
			fields[foldKey(name)] = jsonField{name, each.Type}
		}
	}
	knownFields.Store(into, fields)
	return fields
}

// foldKey folds as encoding/json does when it matches a key to a field: beside A to Z, U+017F is an s and U+212A a k.
func foldKey(key string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + ('a' - 'A')
		case r == 'ſ':
			return 's'
		case r == '\u212a':
			return 'k'
		}
		return r
	}, key)
}
