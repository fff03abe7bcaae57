module bvc.invalid/kind/node/pause

go 1.25
