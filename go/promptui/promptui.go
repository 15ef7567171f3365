// Package promptui stands in for github.com/manifoldco/promptui, which containers/image's pkg/shortnames asks the user
// with. A library must never prompt, and pycoco never lets it come to that (internal/configuration resolves in a mode that has
// no prompt); without the real package the library is a fifth smaller.
package promptui

import "errors"

// Select has the fields that pkg/shortnames sets.
type Select struct {
	Label    any
	Items    any
	HideHelp bool
}

// Run refuses: there is nobody to ask.
func (s *Select) Run() (int, string, error) {
	return 0, "", errors.New("a library does not prompt")
}
