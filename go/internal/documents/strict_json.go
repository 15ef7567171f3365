// JSON that every reader must read alike: the same rule in both twins (pycoco/documents/syntax/strict_json.py).
//
// encoding/json reads keys in any case, merges duplicates and replaces bad text, so one document can mean two things to
// two readers. What could is refused, in this order, each step over the whole document: syntax, keys, known fields in
// another case. Only then does containers/image parse it.

package documents

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/pycoco/pycoco/go/internal/failure"
)

// depthLimit is what Python's parser can always do (strict_json.DEPTH_LIMIT).
const depthLimit = 200

// valueLimit is for Python's parser as well (strict_json.VALUE_LIMIT): it lets nobody else run while it reads.
const valueLimit = 250_000

// freeForm are the members whose keys are data, not names: keys that differ only in case are different there.
var freeForm = map[string]bool{"annotations": true, "Labels": true, "Volumes": true, "ExposedPorts": true}

// CheckJSON accepts one strict JSON object whose keys are unambiguous, to be decoded into structs of the types in into.
// It refuses what is not UTF-8, a byte-order mark, unpaired surrogates, trailing bytes, numbers beyond a float64,
// nesting beyond depthLimit, duplicate keys, keys that differ only in case, and keys that are a field in another case.
func CheckJSON(body []byte, what string, into ...reflect.Type) error {
	if bytes.Count(body, []byte(","))+bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > valueLimit {
		return &failure.Error{Code: failure.CodeManifest, Message: fmt.Sprintf("%s has more than %d values; no image needs so many", what, valueLimit)}
	}
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	open := []*jsonNode{}
	found := jsonFaults{what: what}
	for at, each := range into {
		into[at] = pointedAt(each)
	}
	for first := true; ; first = false {
		token, err := decoder.ReadToken()
		if err == io.EOF && !first {
			return found.worst()
		}
		if err != nil {
			return malformed(what, err)
		}
		switch {
		case first && token.Kind() != '{':
			return &failure.Error{Code: failure.CodeManifest, Message: what + " is not a JSON object"}
		case !first && len(open) == 0:
			return &failure.Error{Code: failure.CodeManifest, Message: what + " has something after its JSON object"}
		case token.Kind() == '{' || token.Kind() == '[':
			if len(open) >= depthLimit {
				return &failure.Error{Code: failure.CodeManifest, Message: fmt.Sprintf("%s is nested more than %d deep", what, depthLimit)}
			}
			if first {
				open = append(open, newJSONNode(true, false, into))
			} else {
				open = append(open, open[len(open)-1].open(token.Kind() == '{'))
			}
		case token.Kind() == '}' || token.Kind() == ']':
			open = open[:len(open)-1]
		case token.Kind() == '0':
			found.checkNumber(token.String())
		default:
			kind, count := decoder.StackIndex(decoder.StackDepth())
			if isKey := kind == '{' && count%2 == 1; isKey {
				open[len(open)-1].addKey(token.String(), &found)
			}
		}
	}
}

// jsonFaults are the first fault of each kind, of those that count only if the whole document's syntax is right.
type jsonFaults struct {
	what                           string
	ambiguity, number, anotherCase error
}

func (f *jsonFaults) worst() error {
	for _, err := range []error{f.ambiguity, f.number, f.anotherCase} {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkNumber refuses what encoding/json cannot put into an any. Without an exponent it takes 309 digits for that.
func (f *jsonFaults) checkNumber(text string) {
	if f.number != nil || (len(text) < 300 && !strings.ContainsAny(text, "eE")) {
		return
	}
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		f.number = &failure.Error{Code: failure.CodeManifest, Message: f.what + " is not valid JSON (a number is out of range)"}
	}
}

func malformed(what string, err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return &failure.Error{Code: failure.CodeManifest, Message: fmt.Sprintf("%s is not valid JSON (at byte %d)", what, syntax.ByteOffset)}
	}
	return &failure.Error{Code: failure.CodeManifest, Message: what + " is not valid JSON"}
}

// jsonNode is one open object or array, and what encoding/json would decode it into.
type jsonNode struct {
	keys     map[string]string // nil for an array; by folded key, or by the key itself where keys are data
	freeForm bool
	lastKey  string
	types    []reflect.Type
	members  []reflect.Type // of the member whose key was read last, or of every element
}

func newJSONNode(isObject, freeForm bool, types []reflect.Type) *jsonNode {
	opened := &jsonNode{freeForm: freeForm, types: types}
	if isObject {
		opened.keys = map[string]string{}
		return opened
	}
	for _, each := range types {
		if each.Kind() == reflect.Slice {
			opened.members = append(opened.members, pointedAt(each.Elem()))
		}
	}
	return opened
}

// open returns the node for an object or array that begins within n.
func (n *jsonNode) open(isObject bool) *jsonNode {
	return newJSONNode(isObject, isObject && n.keys != nil && freeForm[n.lastKey], n.members)
}

func (n *jsonNode) addKey(key string, found *jsonFaults) {
	n.lastKey = key
	folded := foldKey(key)
	unique := folded
	if n.freeForm {
		unique = key
	}
	if earlier, duplicate := n.keys[unique]; duplicate && found.ambiguity == nil {
		found.ambiguity = &failure.Error{
			Code:    failure.CodeAmbiguousManifest,
			Message: fmt.Sprintf("%s can be read in two ways: one object has the keys %q and %q", found.what, earlier, key),
		}
	}
	n.keys[unique] = key
	n.enter(key, folded, found)
}

// enter looks for a key that encoding/json would take for a struct's field although it is spelled in another case,
// wherever the document has the shape of the type.
func (n *jsonNode) enter(key, folded string, found *jsonFaults) {
	n.members = nil
	for _, each := range n.types {
		if each.Kind() != reflect.Struct {
			continue
		}
		field, known := fieldsOf(each)[folded]
		if !known {
			continue
		}
		n.members = append(n.members, field.into)
		if field.name != key && found.anotherCase == nil {
			found.anotherCase = &failure.Error{
				Code:    failure.CodeAmbiguousManifest,
				Message: fmt.Sprintf("%s can be read in two ways: the key %q is %q to some readers", found.what, key, field.name),
			}
		}
	}
}

func pointedAt(into reflect.Type) reflect.Type {
	for into.Kind() == reflect.Pointer {
		into = into.Elem()
	}
	return into
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
		if name == "" && !each.Anonymous { // encoding/json then takes the field's own name
			name = each.Name
		}
		if name != "" && name != "-" && each.IsExported() {
			fields[foldKey(name)] = jsonField{name, pointedAt(each.Type)}
		}
	}
	knownFields.Store(into, fields)
	return fields
}

// foldKey folds as encoding/json does when it matches a key to a field: beside A to Z, U+017F is an s and U+212A a k.
func foldKey(key string) string {
	if !strings.ContainsFunc(key, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return key
	}
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
