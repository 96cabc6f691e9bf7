{{/* Refuses what values.schema.json can't see: values that don't fit one another. */}}
{{- define "vibecode.validate" -}}
{{- $values := .Values -}}
{{- if eq $values.workspaces.namespace .Release.Namespace -}}
{{- fail "workspaces.namespace must be another than the release's: workspaces are shut off from the platform by namespaces." -}}
{{- end -}}
{{- if and $values.ingress.enabled $values.gatewayApi.enabled -}}
{{- fail "Choose one of ingress.enabled and gatewayApi.enabled." -}}
{{- end -}}
{{- if and (not $values.ingress.enabled) (or $values.ingress.perWorkspace $values.ingress.tls.enabled) -}}
{{- fail "ingress.perWorkspace and ingress.tls.enabled need ingress.enabled=true." -}}
{{- end -}}
{{- if and $values.ingress.enabled (ne $values.tls.mode "none") (not $values.ingress.tls.enabled) -}}
{{- fail "tls.mode has no use where an Ingress is in front without TLS: set ingress.tls.enabled=true, or tls.mode=none." -}}
{{- end -}}
{{- if and $values.gatewayApi.enabled (not $values.gatewayApi.parentRefs) -}}
{{- fail "gatewayApi.enabled needs gatewayApi.parentRefs: the Gateway to attach the route to." -}}
{{- end -}}
{{- if and $values.monitoring.prometheus.enabled (not $values.monitoring.enabled) -}}
{{- fail "monitoring.prometheus.enabled needs monitoring.enabled=true." -}}
{{- end -}}
{{- if and $values.edge.proxyProtocol (not $values.edge.trustedProxies) -}}
{{- fail "edge.proxyProtocol needs edge.trustedProxies: the networks of those who may say who a client is." -}}
{{- end -}}
{{- if and (eq $values.global.publicScheme "http") (include "vibecode.edgeRedirects" .) -}}
{{- fail "global.publicScheme=http and edge.redirectHttp=true contradict each other." -}}
{{- end -}}
{{- if has $values.controlPlane.admin (include "vibecode.reservedNames" . | fromJsonArray) -}}
{{- fail (printf "controlPlane.admin: the name %s is reserved for the product itself, so choose another." $values.controlPlane.admin) -}}
{{- end -}}
{{- if eq $values.tls.mode "certManager" -}}
{{- with $values.tls.certManager -}}
{{- if eq .issuer "existing" -}}
{{- if not .existingIssuer.name -}}{{- fail "tls.certManager.issuer=existing needs tls.certManager.existingIssuer.name." -}}{{- end -}}
{{- if or .dns01 .email -}}{{- fail "tls.certManager.dns01 and email belong to an issuer of the chart's: leave them out with issuer=existing." -}}{{- end -}}
{{- else -}}
{{- if not .email -}}{{- fail "tls.certManager needs tls.certManager.email, the address that Let's Encrypt writes to." -}}{{- end -}}
{{- if and (not .dns01) (not $values.ingress.perWorkspace) -}}
{{- fail "A wildcard certificate needs tls.certManager.dns01. Without wildcard DNS set ingress.enabled and ingress.perWorkspace, which use HTTP-01." -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
