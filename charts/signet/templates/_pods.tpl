{{/* What the service, migrations and tests have in common. Each takes a list: root and whether it is for a hook. */}}

{{- define "signet.postgresHost" -}}{{ include "signet.fullname" . }}-postgres{{- end }}
{{- define "signet.redisHost" -}}{{ include "signet.fullname" . }}-redis{{- end }}

{{- define "signet.env" -}}
{{- $root := first . -}}
{{- $isHook := last . -}}
- name: SIGNET_SECRET_KEYS_FILE
  value: /run/secrets/signet/secret-keys
{{- if eq $root.Values.postgres.mode "bundled" }}
- name: POSTGRES_PASSWORD
  valueFrom:
    secretKeyRef:
      {{- include "signet.postgresRef" $root | nindent 6 }}
- name: SIGNET_DATABASE_URL
  value: postgresql://signet:$(POSTGRES_PASSWORD)@{{ include "signet.postgresHost" $root }}:5432/signet
{{- else if eq $root.Values.postgres.mode "external" }}
- name: SIGNET_DATABASE_URL_FILE
  value: /run/secrets/signet/database-url
{{- if $root.Values.postgres.external.directKey }}
- name: SIGNET_DATABASE_DIRECT_URL_FILE
  value: /run/secrets/signet/database-direct-url
{{- end }}
{{- else }}
{{- $cluster := include "signet.postgresHost" $root }}
- name: POSTGRES_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $cluster }}-app
      key: password
- name: SIGNET_DATABASE_URL
  value: postgresql://signet:$(POSTGRES_PASSWORD)@{{ $cluster }}-{{ ternary "pooler" "rw" (eq (include "signet.hasPooler" $root) "yes") }}:5432/signet?sslmode=require
- name: SIGNET_DATABASE_DIRECT_URL
  value: postgresql://signet:$(POSTGRES_PASSWORD)@{{ $cluster }}-rw:5432/signet?sslmode=require
{{- end }}
{{- if eq $root.Values.redis.mode "bundled" }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      {{- include "signet.refFor" (list (include "signet.redisRef" $root) $root $isHook) | nindent 6 }}
- name: SIGNET_REDIS_URL
  value: redis://signet:$(REDIS_PASSWORD)@{{ include "signet.redisHost" $root }}:6379/0
{{- else }}
- name: SIGNET_REDIS_URL_FILE
  value: /run/secrets/signet/redis-url
{{- end }}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE),k8s.node.name=$(NODE_NAME),service.instance.id=$(POD_NAME)
{{- with $root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Files rather than variables, so that a rotated address is read again. Takes root, for a hook, with the admin's password. */}}
{{- define "signet.volumes" -}}
{{- $root := index . 0 -}}
{{- $isHook := index . 1 -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- $files := list (list (include "signet.secretKeysRef" $root) "secret-keys") }}
      {{- if eq $root.Values.postgres.mode "external" }}
      {{- $ref := include "signet.externalRef" (list $root $root.Values.postgres.external "database-url" "postgres") }}
      {{- $files = append $files (list $ref "database-url") }}
      {{- if $root.Values.postgres.external.directKey }}
      {{- $direct := dict "name" (fromYaml $ref).name "key" $root.Values.postgres.external.directKey | toYaml }}
      {{- $files = append $files (list $direct "database-direct-url") }}
      {{- end }}
      {{- end }}
      {{- if eq $root.Values.redis.mode "external" }}
      {{- $files = append $files (list (include "signet.externalRef" (list $root $root.Values.redis.external "redis-url" "redis")) "redis-url") }}
      {{- end }}
      {{- if and (index . 2) $root.Values.admin.email }}
      {{- $files = append $files (list (include "signet.adminRef" $root) "admin-password") }}
      {{- end }}
      {{- range $files }}
      {{- $ref := include "signet.refFor" (list (first .) $root $isHook) | fromYaml }}
      - secret:
          name: {{ $ref.name }}
          items: [{key: {{ $ref.key }}, path: {{ last . }}}]
      {{- end }}
{{- with $root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "signet.mounts" -}}
- name: tmp
  mountPath: /tmp
- name: secrets
  mountPath: /run/secrets/signet
  readOnly: true
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The schema first, then the first admin. */}}
{{- define "signet.migrationContainers" -}}
{{- $root := first . -}}
{{- $steps := list (list "migrate" (list "migrate" "--wait" (printf "%d" (int $root.Values.migrations.wait)))) -}}
{{- if $root.Values.admin.email -}}
{{- $steps = append $steps (list "first-admin" (list "users" "create" $root.Values.admin.email "--role" "admin" "--password-file" "/run/secrets/signet/admin-password" "--if-absent")) -}}
{{- end -}}
{{- $context := . -}}
{{- range $steps }}
- name: {{ first . }}
  image: {{ include "signet.image" $root }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  command: [python, -m, service]
  args: {{ toJson (last .) }}
  envFrom:
    - configMapRef:
        name: {{ include "signet.fullname" $root }}{{ ternary "-migrate" "" (last $context) }}
    {{- with $root.Values.extraEnvFrom }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  env:
    {{- include "signet.env" $context | nindent 4 }}
  volumeMounts:
    {{- include "signet.mounts" $root | nindent 4 }}
  resources:
    {{- toYaml $root.Values.migrations.resources | nindent 4 }}
  securityContext:
    {{- include "signet.containerSecurity" $root | nindent 4 }}
{{- end }}
{{- end }}

{{- define "signet.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
