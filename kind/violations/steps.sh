# Sourced by apply.sh and revert.sh of each violation. KUBECONFIG names the cluster's kubeconfig, CLUSTER its name.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../cache.sh"
if [ -z "${KUBECONFIG:-}" ] || [ -z "${CLUSTER:-}" ]; then usage "KUBECONFIG=<file> and CLUSTER=<name, such as bvc-conformant> must be set"; fi

export KUBECONFIG
# kubectl of the node image: this machine may have none, or an old one.
kubectl="$("$(dirname "${BASH_SOURCE[0]}")/../binaries.sh")/kubectl"
kubectl() { "$kubectl" "$@"; }

# An image that keeps every rule of the profiles: bvc's own, where it was made; signatures are verified even in a dry run.
image="${BVC_IMAGE:-$(cat "$(dirname "${BASH_SOURCE[0]}")/../../.work/image" 2>/dev/null || echo bvc-registry:5000/bvc:none)}"
# admitted FILE [OPTION...]: in a dry run. IMAGE in the file stands for that image.
admitted() { sed "s|IMAGE|$image|" "$1" | kubectl create --dry-run=server --filename - "${@:2}"; }
# says TEXT COMMAND...: the command says, in the end, that text.
says() {
	local text="$1" said
	shift
	said="$("$@" 2>&1)" || true
	printf '%s\n' "$said"
	[[ "$said" == *"$text"* ]]
}

# await SECONDS WHAT COMMAND...: until the command succeeds; says what did not come about.
await() {
	local until=$((SECONDS + $1)) what="$2"
	shift 2
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$until" ]; then
			say "not within the time: $what; the last attempt said:"
			"$@" >&2 || true
			return 1
		fi
		sleep 0.5
	done
	say "$what"
}
