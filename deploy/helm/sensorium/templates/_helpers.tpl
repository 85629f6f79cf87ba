{{- define "sensorium.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sensorium.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sensorium.labels" -}}
{{ include "sensorium.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "sensorium.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}

{{- define "sensorium.account" -}}
{{- default (include "sensorium.name" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "sensorium.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "sensorium.mounts" -}}
- name: data
  mountPath: /var/lib/sensorium
- name: tmp
  mountPath: /tmp
{{- end -}}

{{/* A probe of this path; a server that wants clients' certificates can only be asked whether its port is open. */}}
{{- define "sensorium.probe" -}}
{{- if .root.Values.tls.clientCaKey -}}
tcpSocket:
  port: api
{{- else -}}
httpGet:
  path: {{ .root.Values.basePath }}{{ .path }}
  port: api
  scheme: {{ ternary "HTTPS" "HTTP" (ne .root.Values.tls.existingSecret "") }}
{{- end }}
{{ toYaml .times }}
{{- end -}}
