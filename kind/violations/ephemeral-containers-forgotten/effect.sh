# Sourced by apply.sh and revert.sh: how the effect shows.
# shellcheck shell=bash disable=SC2154

# debugged: may the pod get a privileged ephemeral container? A dry run; kubectl has no command for that.
debugged() {
	kubectl --namespace bvc-tenant-a get pod bvc-violation-effect --output json |
		kubectl patch --local --type merge --output json --filename - --patch '{"spec": {"ephemeralContainers": [{"name": "debug",
			"image": "'"$image"'", "imagePullPolicy": "Always", "securityContext": {"privileged": true, "readOnlyRootFilesystem": true}}]}}' |
		kubectl replace --raw "/api/v1/namespaces/bvc-tenant-a/pods/bvc-violation-effect/ephemeralcontainers?dryRun=All" --filename -
}
clean() { kubectl delete --ignore-not-found --now --filename "$here/pod.yaml" >/dev/null 2>&1; }
clean
trap clean EXIT
sed "s|IMAGE|$image|" "$here/pod.yaml" | kubectl create --filename - >/dev/null
