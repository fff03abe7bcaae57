module bvc.invalid/kind/engine/runtime

go 1.25
