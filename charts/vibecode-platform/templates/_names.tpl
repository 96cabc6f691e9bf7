{{/* Names that nobody can have: RESERVED of src/vibecode/domain/names.py, which a test compares. */}}
{{- define "vibecode.reservedNames" -}}
["admin", "api", "app", "assets", "auth", "authorize", "cdn", "dashboard", "docs", "edge", "gateway", "grafana",
"health", "healthz", "help", "internal", "kubernetes", "localhost", "login", "logout", "mail", "metrics",
"prometheus", "proxy", "registry", "root-ca", "sign-in", "signin", "sso", "static", "status", "support", "system",
"vibecode", "wildcard", "workspace", "workspaces", "www"]
{{- end }}
