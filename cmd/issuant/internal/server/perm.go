package server

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/internal/filemode"
)

// By what rules files are read, package filemode says.
var (
	readSecret   = filemode.ReadSecret
	readSmall    = filemode.ReadSmall
	checkSecret  = filemode.CheckSecret
	checkTrusted = filemode.CheckTrusted
)

// fileFault says what is wrong with a file that a setting names: one that is missing
// is a mistake of the configuration, everything else one of the file.
func fileFault(place, key, name string, err error) config.Fault {
	class := config.BadKeyFile
	if errors.Is(err, fs.ErrNotExist) {
		class = config.BadSetting
	}
	return config.Fault{Place: place, Key: key, Msg: fmt.Sprintf("%s: %v", name, pathErr(err)), Class: class}
}

// pathErr is the error of a file system without the name and the call that it tells.
func pathErr(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// secretFault is fileFault for the file of a secret. A name that leads nowhere is not
// shown: it may be the secret itself, in the wrong place.
func secretFault(place, key, name string, err error) config.Fault {
	f := fileFault(place, key, name, err)
	if f.Class == config.BadSetting || strings.Contains(f.Msg, "name too long") {
		f.Msg = "names a file that does not exist; the secret itself does not belong here"
	}
	return f
}
