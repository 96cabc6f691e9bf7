#!/usr/bin/env bash
# Makes a user's workspace on Kubernetes and prints its address. Repeating it does no harm.
#
#   scripts/provision-workspace.sh USER_ID EMAIL [DOMAIN]
#
# `vibecode provision` does the same. Both use the cluster that kubectl is configured for.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: scripts/provision-workspace.sh USER_ID EMAIL [DOMAIN]

Makes the workspace USER_ID of user USER_ID in the cluster that kubectl is configured for, waits until it is ready, and
prints its address. One that is there already stays as it is.

  USER_ID   a-z, 0-9 and single hyphens, at most 40 characters
  EMAIL     the user's address, for information
  DOMAIN    domain of the workspaces' addresses, USER_ID.DOMAIN; the installed platform's if left out

Environment:
  VIBECODE_PLATFORM_NAMESPACE   where the platform is installed (vibecode-platform)
  VIBECODE_PROVISION_TIMEOUT    how long to wait, such as 90s or 10m (10m)
USAGE
}

fail() {
  printf 'Error: %s\n' "$1" >&2
  exit 1
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
esac
if (($# < 2 || $# > 3)); then
  usage >&2
  exit 2
fi

user=$1 email=$2 domain=${3:-}
platform_namespace=${VIBECODE_PLATFORM_NAMESPACE:-vibecode-platform}
timeout=${VIBECODE_PROVISION_TIMEOUT:-10m}
chart=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../charts/vibecode-workspace" && pwd)
LC_ALL=C # so that a-z are the letters of names, whatever the language

# The rules of src/vibecode/domain/names.py; tests compare them. Reserved names are the chart's to refuse.
name_rule='^[a-z0-9]+(-[a-z0-9]+)*$'
host_rule='^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$'
email_rule='^[^@[:space:]]+@[^@[:space:]]+$'
((${#user} <= 40)) || fail "A user id has at most 40 characters, and this one has ${#user}: shorten it."
[[ $user =~ $name_rule ]] ||
  fail "A user id uses only a-z, 0-9 and single hyphens, and starts and ends with a letter or digit, such as alice."
[[ $email =~ $email_rule && ${#email} -le 254 ]] || fail "EMAIL is an address such as $user@example.org."
[[ -z $domain || ($domain =~ $host_rule && ${#domain} -le 200) ]] ||
  fail "DOMAIN is a host name in lower case, such as code.example.org."
[[ $timeout =~ ^[0-9]+(s|m|h)$ ]] || fail "VIBECODE_PROVISION_TIMEOUT takes a time such as 90s or 10m."

for tool in kubectl helm; do
  command -v "$tool" > /dev/null 2>&1 ||
    fail "$tool is not installed: see https://kubernetes.io/docs/tasks/tools/ for kubectl, https://helm.sh/docs/intro/install/ for helm."
done

setting() { # KEY: one of the platform's settings
  kubectl get configmap control-plane --namespace "$platform_namespace" --ignore-not-found --output "jsonpath={.data.$1}"
}

kubectl version --request-timeout 10s > /dev/null 2>&1 ||
  fail "The cluster doesn't answer: \`kubectl cluster-info\` says more."
namespace=$(setting VIBECODE_WORKSPACES_NAMESPACE) || fail "The platform's settings in $platform_namespace can't be read."
[[ -n $namespace ]] ||
  fail "The platform is not installed in namespace $platform_namespace: install charts/vibecode-platform first, or set VIBECODE_PLATFORM_NAMESPACE."
served=$(setting VIBECODE_WORKSPACE_DOMAIN)
[[ -z $domain || $domain == "$served" ]] ||
  fail "The platform serves workspaces below $served, not $domain: leave DOMAIN out, or set global.workspaceDomain."

field() { # JSONPATH: a part of the Workspace; nothing if there is none
  kubectl get workspace "$user" --namespace "$namespace" --ignore-not-found --output "jsonpath=$1"
}

release=code-server-$user
owner=$(field '{.spec.owner}')
if [[ -n $owner && $owner != "$user" ]]; then
  fail "There is a workspace $user already, and it belongs to $owner."
fi
if [[ -n $owner && $(field '{.metadata.annotations.meta\.helm\.sh/release-name}') != "$release" ]]; then
  printf 'Workspace %s is there already; it was not made by Helm, so it is left as it is.\n' "$user" >&2
else
  printf 'Provisioning workspace %s ...\n' "$user" >&2
  helm upgrade --install "$release" "$chart" --namespace "$namespace" --wait --timeout "$timeout" --history-max 3 \
    --set-literal "user.id=$user" --set-literal "user.email=$email" --set-literal "ingress.host=$user.$served" > /dev/null
fi
url=$(field '{.status.url}')
printf '%s\n' "${url:-https://$user.$served}"
