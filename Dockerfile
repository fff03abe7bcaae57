# The one binary: command line, Sonobuoy plugin and probe agent. `make image` builds bin/bvc first.
FROM scratch
COPY bin/bvc /bvc
USER 65532:65532
ENTRYPOINT ["/bvc"]
