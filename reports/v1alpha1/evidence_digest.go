package v1alpha1

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
)

// Digest is "sha256:" and the hash of the observation's probe, schema version
// and compacted data, so that it does not depend on how the evidence is
// indented. Data that is not JSON is hashed as it is.
func (o Observation) Digest() string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, o.Data); err != nil {
		compact.Reset()
		compact.Write(o.Data)
	}
	h := sha256.New()
	h.Write([]byte(o.Probe + "\n" + strconv.Itoa(o.SchemaVersion) + "\n"))
	h.Write(compact.Bytes())
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
