package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// maxDockerConfig is the most that a Secret of Kubernetes can hold.
const maxDockerConfig = 1 << 20

// DockerConfig reads the credentials of a Secret of type
// kubernetes.io/dockerconfigjson. No error repeats what is in it.
func DockerConfig(data []byte) (authn.Keychain, error) {
	if len(data) > maxDockerConfig {
		return nil, fmt.Errorf("the docker configuration has %d bytes, at most %d are allowed", len(data), maxDockerConfig)
	}
	var config struct {
		Auths map[string]authn.AuthConfig `json:"auths"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		// The library's text could quote a part of a password.
		return nil, errors.New("is no docker configuration with auths, or one of its entries is broken")
	}
	if len(config.Auths) == 0 {
		return nil, errors.New("the docker configuration has no entry in auths")
	}
	entries := make([]credentials, 0, len(config.Auths))
	for key, auth := range config.Auths {
		_, place, schemed := strings.Cut(key, "://")
		if !schemed {
			place = key
		}
		host, in, _ := strings.Cut(place, "/")
		in = strings.Trim(in, "/")
		if in == "v1" || in == "v2" {
			in = ""
		}
		if host == "docker.io" || host == "registry-1.docker.io" {
			host = name.DefaultRegistry
		}
		entries = append(entries, credentials{key: key, host: host, in: in, auth: auth})
	}
	return dockerConfig(entries), nil
}

type credentials struct {
	key, host, in string
	auth          authn.AuthConfig
}

type dockerConfig []credentials

// Resolve implements authn.Keychain: as with the kubelet, the entry with the
// longest path that holds the repository counts, and a star in the host's name
// stands for one label.
func (d dockerConfig) Resolve(target authn.Resource) (authn.Authenticator, error) {
	repository := strings.TrimPrefix(strings.TrimPrefix(target.String(), target.RegistryStr()), "/")
	best := -1
	for i, c := range d {
		if !hostMatches(c.host, target.RegistryStr()) || c.in != "" && repository != c.in && !strings.HasPrefix(repository, c.in+"/") {
			continue
		}
		// The key decides between equals, so that the order of a map does not.
		if best < 0 || len(c.in) > len(d[best].in) || len(c.in) == len(d[best].in) && c.key < d[best].key {
			best = i
		}
	}
	if best < 0 {
		return authn.Anonymous, nil
	}
	return authn.FromConfig(d[best].auth), nil
}

func hostMatches(pattern, host string) bool {
	if pattern == host {
		return true
	}
	patterns, labels := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(patterns) != len(labels) {
		return false
	}
	for i, p := range patterns {
		if ok, err := path.Match(p, labels[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
