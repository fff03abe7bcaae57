# Sourced by apply.sh and revert.sh.
# shellcheck shell=bash disable=SC2034
server="$CLUSTER-admits-at-random"
