{{/* The control plane's settings, as in docs/settings.md. */}}
{{- define "vibecode.controlPlaneEnv" -}}
{{- /* Below the volume's root, which is root's own and may hold a lost+found: the server wants a folder of its own. */ -}}
VIBECODE_RUNTIME: kubernetes
VIBECODE_DATA_DIR: /var/lib/vibecode/data
VIBECODE_PORT: "8080"
VIBECODE_AGENT_PORT: "8081"
VIBECODE_EDGE_PORT: "8082"
VIBECODE_AGENT_KEY_FILE: /etc/vibecode/agent-key/key
VIBECODE_WORKSPACES_NAMESPACE: {{ .Values.workspaces.namespace }}
VIBECODE_DOMAIN: {{ .Values.global.domain }}
VIBECODE_WORKSPACE_DOMAIN: {{ include "vibecode.workspaceDomain" . }}
VIBECODE_PUBLIC_SCHEME: {{ include "vibecode.scheme" . }}
VIBECODE_PUBLIC_PORT: {{ include "vibecode.port" . | quote }}
{{- with include "vibecode.httpsPort" . }}
VIBECODE_PUBLIC_HTTPS_PORT: {{ . | quote }}
{{- end }}
VIBECODE_ADMIN: {{ .Values.controlPlane.admin }}
VIBECODE_IDLE_TIMEOUT: {{ .Values.codeServer.idleTimeout | int64 | quote }}
VIBECODE_SESSION_DAYS: {{ .Values.controlPlane.sessionDays | int64 | quote }}
VIBECODE_LOG_LEVEL: {{ .Values.controlPlane.logLevel }}
{{- end }}

{{/* The operator's configuration file. */}}
{{- define "vibecode.operatorConfig" -}}
{{- $workspace := .Values.codeServer -}}
{{- dict
  "namespace" .Values.workspaces.namespace
  "platformNamespace" .Release.Namespace
  "addresses" (dict
    "scheme" (include "vibecode.scheme" .)
    "domain" .Values.global.domain
    "workspaceDomain" (include "vibecode.workspaceDomain" .)
    "port" (include "vibecode.port" . | int))
  "agentUrl" (printf "http://control-plane.%s.svc:8081" .Release.Namespace)
  "tokenKeyFile" "/etc/vibecode/agent-key/key"
  "workspace" (dict
    "image" (include "vibecode.image" (dict "root" . "image" $workspace.image))
    "imagePullPolicy" $workspace.image.pullPolicy
    "imagePullSecrets" .Values.global.imagePullSecrets
    "resources" (include "vibecode.resources" $workspace.resources | fromJson)
    "ephemeralStorage" $workspace.ephemeralStorage
    "storage" (dict "workspace" $workspace.persistence.workspace.size "home" $workspace.persistence.home.size)
    "storageClassName" (.Values.global.storageClass | default nil)
    "security" $workspace.security
    "nodeSelector" $workspace.nodeSelector
    "tolerations" $workspace.tolerations
    "affinity" $workspace.affinity
    "runtimeClassName" ($workspace.runtimeClassName | default nil)
    "priorityClassName" ($workspace.priorityClassName | default nil)
    "extensions" $workspace.extensions)
  "network" (dict
    "edgeLabels" (dict "app.kubernetes.io/component" "edge")
    "agentLabels" (dict "app.kubernetes.io/component" "control-plane")
    "agentPort" 8081
    "internet" $workspace.network.internet
    "ipv6" $workspace.network.ipv6
    "blockedCidrs" (concat $workspace.network.blockedCidrs $workspace.network.moreBlockedCidrs)
    "dns" .Values.networkPolicies.dns)
  "exposure" (dict
    "mode" (.Values.ingress.perWorkspace | ternary "ingress" "edge")
    "ingress" (dict
      "className" (.Values.ingress.className | default nil)
      "annotations" (include "vibecode.ingressAnnotations" . | fromJson)
      "tls" .Values.ingress.tls.enabled))
  "workers" .Values.operator.workers
| toPrettyJson -}}
{{- end }}

{{/* Where the tunnel listens to NGINX: both run as the same user, and nobody else may connect. */}}
{{- define "vibecode.tunnelSocket" -}}
/run/vibecode/tunnel.sock
{{- end }}

{{/* NGINX's settings, as a container's env: those of images/edge/entrypoint.sh. */}}
{{- define "vibecode.edgeEnv" -}}
- name: VIBECODE_EDGE_APP
  value: control-plane:8080
- name: VIBECODE_EDGE_VERIFY
  value: control-plane:8082
- name: VIBECODE_EDGE_TUNNEL
  value: unix:{{ include "vibecode.tunnelSocket" . }}
- name: VIBECODE_EDGE_REDIRECT
  value: {{ include "vibecode.edgeRedirects" . | default "false" | quote }}
- name: VIBECODE_EDGE_PUBLIC_HTTPS_PORT
  value: {{ .Values.global.publicPorts.https | int64 | quote }}
{{- if not (kindIs "invalid" .Values.edge.hstsSeconds) }}
- name: VIBECODE_EDGE_HSTS
  value: {{ .Values.edge.hstsSeconds | int64 | quote }}
{{- end }}
{{- with .Values.edge.trustedProxies }}
- name: VIBECODE_EDGE_TRUSTED_PROXIES
  value: {{ join " " . }}
{{- end }}
- name: VIBECODE_EDGE_PROXY_PROTOCOL
  value: {{ .Values.edge.proxyProtocol | quote }}
- name: VIBECODE_EDGE_REQUESTS
  value: {{ .Values.edge.limits.requestsPerSecond | int64 | quote }}
- name: VIBECODE_EDGE_BURST
  value: {{ .Values.edge.limits.requestBurst | int64 | quote }}
- name: VIBECODE_EDGE_AT_ONCE
  value: {{ .Values.edge.limits.openRequests | int64 | quote }}
- name: VIBECODE_EDGE_DRAIN
  value: {{ .Values.edge.drainSeconds | int64 | quote }}
- name: VIBECODE_EDGE_ACCESS_LOG
  value: {{ .Values.edge.accessLog | quote }}
{{- end }}

{{/* A block of resources with every quantity as a string. */}}
{{- define "vibecode.resources" -}}
{{- $all := dict -}}
{{- range $kind, $quantities := . -}}
{{- $strings := dict -}}
{{- range $name, $quantity := $quantities -}}
{{- $whole := and (kindIs "float64" $quantity) (eq (float64 (int64 $quantity)) $quantity) -}}
{{- $_ := set $strings $name ($whole | ternary (int64 $quantity | toString) (toString $quantity)) -}}
{{- end -}}
{{- $_ := set $all $kind $strings -}}
{{- end -}}
{{ toJson $all }}
{{- end }}

{{/* The public host names, as JSON. */}}
{{- define "vibecode.hosts" -}}
{{ list .Values.global.domain (printf "*.%s" (include "vibecode.workspaceDomain" .)) | toJson }}
{{- end }}

{{/* Egress rules to the API server. */}}
{{- define "vibecode.apiServerEgress" -}}
- ports:
    {{- range .Values.networkPolicies.apiServer.ports }}
    - port: {{ . | int64 }}
    {{- end }}
  {{- with .Values.networkPolicies.apiServer.cidrs }}
  to:
    {{- range . }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  {{- end }}
{{- end }}
