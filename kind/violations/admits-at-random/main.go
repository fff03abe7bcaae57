// Command admits-at-random is an admission webhook for pods that can not make up its mind: of privileged pods it
// refuses every other one. It counts those with a privileged container, with a privileged init container and with
// both apart, so that no order of attempts meets only one answer. Its certificate, made anew at each start, is the
// first thing that it prints.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"log"
	"math/big"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

type container struct {
	SecurityContext struct {
		Privileged bool `json:"privileged"`
	} `json:"securityContext"`
}

type review struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Request    *struct {
		UID    string `json:"uid"`
		Object struct {
			Spec struct {
				Containers     []container `json:"containers"`
				InitContainers []container `json:"initContainers"`
			} `json:"spec"`
		} `json:"object"`
	} `json:"request,omitempty"`
	Response *response `json:"response,omitempty"`
}

type response struct {
	UID     string  `json:"uid"`
	Allowed bool    `json:"allowed"`
	Status  *status `json:"status,omitempty"`
}

type status struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// doubt answers differently each time it is asked about the same kind of pod.
type doubt struct {
	sync.Mutex
	refused map[[2]bool]bool
}

func (d *doubt) refuses(containers, initContainers []container) bool {
	is := func(c container) bool { return c.SecurityContext.Privileged }
	where := [2]bool{slices.ContainsFunc(containers, is), slices.ContainsFunc(initContainers, is)}
	if where == [2]bool{} {
		return false
	}
	d.Lock()
	defer d.Unlock()
	d.refused[where] = !d.refused[where]
	return d.refused[where]
}

func (d *doubt) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in review
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Request == nil {
		http.Error(w, "not an AdmissionReview", http.StatusBadRequest)
		return
	}
	out := response{UID: in.Request.UID, Allowed: true}
	if spec := in.Request.Object.Spec; d.refuses(spec.Containers, spec.InitContainers) {
		out.Allowed, out.Status = false, &status{Code: http.StatusForbidden, Message: "no privileged pods this time"}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review{APIVersion: in.APIVersion, Kind: in.Kind, Response: &out}); err != nil {
		log.Print(err)
	}
}

func certificate(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}, &x509.Certificate{SerialNumber: big.NewInt(1)}, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func main() {
	own, err := certificate(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]}); err != nil {
		log.Fatal(err)
	}
	server := http.Server{
		Addr: ":8443", Handler: &doubt{refused: map[[2]bool]bool{}}, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13},
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}
