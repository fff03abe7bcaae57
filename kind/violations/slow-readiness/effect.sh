# Sourced by apply.sh and revert.sh: how the effect shows.
# shellcheck shell=bash

# The first tenant namespace; none is made only for looking.
tenant="$(kubectl get namespaces --output name | sed -n 's|^namespace/\(bvc-tenant-.*\)|\1|p' | head -n 1)"

# delay prints the delay that a pod in that namespace would get.
delay() {
	kubectl create --dry-run=server --namespace "$tenant" --output 'jsonpath={.spec.containers[0].readinessProbe.initialDelaySeconds}' --filename - <<-'END'
		apiVersion: v1
		kind: Pod
		metadata:
		  name: bvc-violation-effect
		spec:
		  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
		  containers:
		  - name: probed
		    image: bvc.invalid/base:1
		    readinessProbe: {initialDelaySeconds: 1, tcpSocket: {port: 1}}
		    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
	END
}
delayed() { [ "$(delay)" = "$1" ]; }
