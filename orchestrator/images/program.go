package images

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// systemFolders are where Debian has its programs; a user's PATH may lack some of them.
var systemFolders = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// libraryFolders are where Debian's dynamic loader looks without being told.
var libraryFolders = []string{"/lib/*-linux-gnu", "/usr/lib/*-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// find is the path of a program of this machine.
func find(name, debian string) (string, error) {
	for _, dir := range systemFolders {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return filepath.EvalSymlinks(file)
		}
	}
	return "", fmt.Errorf("images: there is no %s on this machine (Debian's package %s has it)", name, debian)
}

// program adds a program of this machine, and the libraries that it is linked with.
func (f filesystem) program(name, host string) error {
	f.copy(name, host, 0o755)
	return f.libraries(host)
}

// libraries adds what an ELF file needs: its loader, the libraries that it names, and theirs. Each keeps the folder that the loader
// finds it in.
func (f filesystem) libraries(host string) error {
	content, err := os.Open(host)
	if err != nil {
		return fmt.Errorf("images: %w", err)
	}
	defer content.Close()
	file, err := elf.NewFile(content)
	if err != nil {
		return fmt.Errorf("images: %s is no program: %w", host, err)
	}
	if loader := interpreter(file); loader != "" {
		f.copy(loader, loader, 0o755)
	}
	names, err := file.ImportedLibraries()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return fmt.Errorf("images: %s: %w", host, err)
	}
	for _, name := range names {
		library, err := findLibrary(name, file.Machine)
		if err != nil {
			return fmt.Errorf("images: %s: %w", host, err)
		}
		if _, there := f[library]; there {
			continue
		}
		f.copy(library, library, 0o644)
		if err := f.libraries(library); err != nil {
			return err
		}
	}
	return nil
}

// interpreter is the loader that a dynamically linked program asks for.
func interpreter(file *elf.File) string {
	for _, p := range file.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz == 0 || p.Filesz > 4096 {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return ""
		}
		return string(name[:len(name)-1]) // without the NUL that ends it
	}
	return ""
}

// findLibrary is the path of a library for a machine: a folder may hold those of another.
func findLibrary(name string, machine elf.Machine) (string, error) {
	for _, pattern := range libraryFolders {
		found, err := filepath.Glob(filepath.Join(pattern, filepath.Base(name)))
		if err != nil {
			return "", err
		}
		for _, candidate := range found {
			if isFor(candidate, machine) {
				return candidate, nil
			}
		}
	}
	return "", fmt.Errorf("library %s: %w", name, fs.ErrNotExist)
}

// isFor tells that a file is a library or program for a machine. A linker's script, for one, isn't.
func isFor(host string, machine elf.Machine) bool {
	content, err := os.Open(host)
	if err != nil {
		return false
	}
	defer content.Close()
	file, err := elf.NewFile(content)
	return err == nil && file.Machine == machine
}
