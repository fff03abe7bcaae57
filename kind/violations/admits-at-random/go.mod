module bvc.invalid/kind/violations/admits-at-random

go 1.26.0
