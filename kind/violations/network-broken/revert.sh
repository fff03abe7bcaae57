#!/usr/bin/env bash
# What checks send arrives again.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"
. "$here/cut.sh"

each_cut without_rule_in
say "what is allowed arrives"
