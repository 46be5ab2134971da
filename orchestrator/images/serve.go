package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Serve is a registry of a layout's images on a listener, until ctx ends.
func Serve(ctx context.Context, l net.Listener, dir string) error {
	if _, err := Read(dir); err != nil {
		l.Close()
		return err
	}
	server := &http.Server{Handler: Handler(dir), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("images: serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
		return server.Close()
	}
}

// Handler answers the part of the OCI distribution protocol that reads. The layout is read anew for each request, so that what is
// built while a registry runs is served.
func Handler(dir string) http.Handler {
	r := registry{dir}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w, struct{}{}) })
	mux.HandleFunc("GET /v2/_catalog", r.catalog)
	mux.HandleFunc("GET /v2/{name}/tags/list", r.tags)
	mux.HandleFunc("GET /v2/{name}/manifests/{reference}", r.manifest)
	mux.HandleFunc("GET /v2/{name}/blobs/{digest}", r.blob)
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry can only be read")
			return
		}
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "no such image")
	})
	return mux
}

// registry serves the layout in a folder.
type registry struct{ dir string }

func (r registry) catalog(w http.ResponseWriter, _ *http.Request) {
	r.list(w, func(all []Image) any {
		names := []string{}
		for _, i := range all {
			names = append(names, i.Name)
		}
		slices.Sort(names)
		return map[string]any{"repositories": slices.Compact(names)}
	})
}

func (r registry) tags(w http.ResponseWriter, req *http.Request) {
	r.list(w, func(all []Image) any {
		name := req.PathValue("name")
		var tags []string
		for _, i := range all {
			if i.Name == name {
				tags = append(tags, i.Tag)
			}
		}
		if tags == nil {
			return nil
		}
		return map[string]any{"name": name, "tags": tags}
	})
}

// list answers with what is picked of the images, or that there is nothing.
func (r registry) list(w http.ResponseWriter, pick func([]Image) any) {
	all, err := Read(r.dir)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	picked := pick(all)
	if picked == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "no such image")
		return
	}
	answer(w, picked)
}

// manifest answers with an image's manifest, by tag or by digest.
func (r registry) manifest(w http.ResponseWriter, req *http.Request) {
	all, err := Read(r.dir)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	for _, i := range all {
		digest, err := i.Digest()
		if err != nil || i.Name != req.PathValue("name") {
			continue
		}
		if wanted := req.PathValue("reference"); wanted != i.Tag && wanted != digest.String() {
			continue
		}
		kind, err := i.MediaType()
		if err != nil {
			refuse(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
			return
		}
		r.send(w, req, digest, string(kind))
		return
	}
	refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "no such image")
}

// blob answers with a layer or a configuration. All images of a layout may be read, so it doesn't matter by whose name.
func (r registry) blob(w http.ResponseWriter, req *http.Request) {
	digest, err := v1.NewHash(req.PathValue("digest"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", err.Error())
		return
	}
	r.send(w, req, digest, "application/octet-stream")
}

// send answers with a file of the layout. A digest is an algorithm's name and hexadecimal digits, which name no other folder.
func (r registry) send(w http.ResponseWriter, req *http.Request, digest v1.Hash, kind string) {
	file, err := os.Open(filepath.Join(r.dir, "blobs", digest.Algorithm, digest.Hex))
	switch {
	case errors.Is(err, os.ErrNotExist):
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "no such blob")
		return
	case err != nil:
		refuse(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Docker-Content-Digest", digest.String())
	w.Header().Set("Etag", `"`+digest.String()+`"`)
	http.ServeContent(w, req, "", time.Time{}, file)
}

// answer sends a value as JSON.
func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // who asked has gone, if this fails
}

// refuse sends an error in the protocol's form.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": code, "message": strings.TrimSpace(message)}}})
}
