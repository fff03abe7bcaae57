#!/usr/bin/env bash
# Nothing that checks send arrives, allowed or not: from a pod to another, to a node or out of the cluster, and from
# programs in the network of a node to anything.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"
. "$here/cut.sh"

each_cut with_rule_in
say "nobody reaches anybody"
