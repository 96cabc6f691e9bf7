{{/* Labels of every object. They change with the chart's version, so they are in no pod template: an upgrade restarts
only what it changes. Takes: root, component. */}}
{{- define "vibecode.labels" -}}
{{ include "vibecode.selectorLabels" . }}
app.kubernetes.io/part-of: vibecode
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels by which pods are selected; they may never change. Takes: root, component. */}}
{{- define "vibecode.selectorLabels" -}}
app.kubernetes.io/name: vibecode
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of pods. Takes: root, component. */}}
{{- define "vibecode.podLabels" -}}
{{ include "vibecode.selectorLabels" . }}
app.kubernetes.io/part-of: vibecode
{{- end }}

{{/* A whole image reference. Takes: root, image. */}}
{{- define "vibecode.image" -}}
{{- $repository := .image.repository -}}
{{- with .root.Values.global.imageRegistry }}{{ $repository = printf "%s/%s" (trimSuffix "/" .) $repository }}{{ end -}}
{{- if .image.digest -}}
{{ $repository }}@{{ .image.digest }}
{{- else -}}
{{ $repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "vibecode.workspaceDomain" -}}
{{ .Values.global.workspaceDomain | default .Values.global.domain }}
{{- end }}

{{/* "true" where the edge itself ends TLS, not an Ingress or a Gateway in front. */}}
{{- define "vibecode.edgeTls" -}}
{{- if and (ne .Values.tls.mode "none") (not .Values.ingress.enabled) (not .Values.gatewayApi.enabled) }}true{{ end -}}
{{- end }}

{{/* "true" where browsers meet TLS that ends in front of the edge. */}}
{{- define "vibecode.frontTls" -}}
{{- if or .Values.gatewayApi.enabled (and .Values.ingress.enabled .Values.ingress.tls.enabled) (and (eq .Values.global.publicScheme "https") (not (include "vibecode.edgeTls" .))) }}true{{ end -}}
{{- end }}

{{/* "true" where the edge sends http on to https. */}}
{{- define "vibecode.edgeRedirects" -}}
{{- if and .Values.edge.redirectHttp (or (include "vibecode.edgeTls" .) (and (include "vibecode.frontTls" .) .Values.edge.trustedProxies)) }}true{{ end -}}
{{- end }}

{{/* The scheme of the addresses that are given out. */}}
{{- define "vibecode.scheme" -}}
{{- if .Values.global.publicScheme -}}
{{ .Values.global.publicScheme }}
{{- else if or (include "vibecode.edgeRedirects" .) (include "vibecode.frontTls" .) -}}
https
{{- else -}}
http
{{- end -}}
{{- end }}

{{/* The port of the addresses that are given out. */}}
{{- define "vibecode.port" -}}
{{ get .Values.global.publicPorts (include "vibecode.scheme" .) | int64 }}
{{- end }}

{{/* The port of https addresses where both schemes are served, otherwise nothing. */}}
{{- define "vibecode.httpsPort" -}}
{{- if and (include "vibecode.edgeTls" .) (eq (include "vibecode.scheme" .) "http") }}{{ .Values.global.publicPorts.https | int64 }}{{ end -}}
{{- end }}

{{/* The dashboard's address. */}}
{{- define "vibecode.url" -}}
{{- $scheme := include "vibecode.scheme" . -}}
{{- $port := include "vibecode.port" . | int -}}
{{ $scheme }}://{{ .Values.global.domain }}{{ if ne $port (get (dict "http" 80 "https" 443) $scheme) }}:{{ $port }}{{ end }}
{{- end }}

{{- define "vibecode.agentKeySecret" -}}
{{ .Values.controlPlane.agentKey.existingSecret | default "agent-key" }}
{{- end }}

{{/* The Secret with the wildcard Ingress' certificate. */}}
{{- define "vibecode.ingressTlsSecret" -}}
{{ .Values.ingress.tls.secretName | default .Values.tls.secretName }}
{{- end }}

{{- define "vibecode.issuerName" -}}
{{- if eq .Values.tls.certManager.issuer "existing" -}}
{{ .Values.tls.certManager.existingIssuer.name }}
{{- else -}}
{{ .Release.Name }}-{{ .Values.tls.certManager.issuer }}
{{- end -}}
{{- end }}

{{- define "vibecode.issuerKind" -}}
{{ eq .Values.tls.certManager.issuer "existing" | ternary .Values.tls.certManager.existingIssuer.kind "ClusterIssuer" }}
{{- end }}

{{/* Annotations of an Ingress, as JSON: the operator's, and cert-manager's where each Ingress has a certificate of its own. */}}
{{- define "vibecode.ingressAnnotations" -}}
{{- $annotations := deepCopy .Values.ingress.annotations -}}
{{- if and .Values.ingress.perWorkspace .Values.ingress.tls.enabled (eq .Values.tls.mode "certManager") -}}
{{- $key := eq (include "vibecode.issuerKind" .) "Issuer" | ternary "cert-manager.io/issuer" "cert-manager.io/cluster-issuer" -}}
{{- $annotations = merge $annotations (dict $key (include "vibecode.issuerName" .)) -}}
{{- end -}}
{{ toJson $annotations }}
{{- end }}

{{/* What every pod of the platform has in common. Takes: root, and a values block with nodeSelector, tolerations, affinity,
and the component for the soft anti-affinity. */}}
{{- define "vibecode.podCommon" -}}
enableServiceLinks: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.global.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- with .root.Values.security.runAsUser }}
  runAsUser: {{ . | int64 }}
  {{- end }}
  {{- with .root.Values.security.runAsGroup }}
  runAsGroup: {{ . | int64 }}
  {{- end }}
  {{- with .root.Values.security.fsGroup }}
  fsGroup: {{ . | int64 }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with .block.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .block.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .block.affinity }}
affinity: {{- toYaml .block.affinity | nindent 2 }}
{{- else if .spread }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- include "vibecode.selectorLabels" (dict "root" .root "component" .component) | nindent 14 }}
{{- end }}
{{- end }}

{{/* The security context of every container of the platform: that of the Pod Security Standard `restricted`, and no writing. */}}
{{- define "vibecode.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
