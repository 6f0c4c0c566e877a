{{/* What is computed of values: seconds, replicas, connections. */}}

{{/* `5s`, `500ms`, `1min`, `15` in whole seconds, upwards. */}}
{{- define "signet.seconds" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?" $text | float64 -}}
{{- $unit := regexReplaceAll "^[0-9.]+ *" $text "" -}}
{{- $factor := get (dict "" 1.0 "ms" 0.001 "s" 1.0 "min" 60.0 "h" 3600.0 "d" 86400.0) $unit -}}
{{- ceil (mulf $number $factor) | int -}}
{{- end }}

{{/* Drain, then requests in flight, then 5 s in which the server closes, then 5 s before the kubelet kills. */}}
{{- define "signet.graceSeconds" -}}
{{- $drain := include "signet.seconds" (default "5s" .Values.settings.drain) | int -}}
{{- $shutdown := include "signet.seconds" (default "15s" .Values.settings.shutdown_timeout) | int -}}
{{- add $drain $shutdown 10 -}}
{{- end }}

{{- define "signet.mostReplicas" -}}
{{- if .Values.autoscaling.enabled -}}{{ int .Values.autoscaling.maxReplicas }}{{- else -}}{{ int .Values.replicaCount }}{{- end -}}
{{- end }}

{{- define "signet.surge" -}}
{{- $surge := toString .Values.strategy.maxSurge -}}
{{- if hasSuffix "%" $surge -}}
{{- $share := trimSuffix "%" $surge | float64 -}}
{{- divf (mulf $share (include "signet.mostReplicas" . | float64)) 100.0 | ceil | int -}}
{{- else -}}
{{- int $surge -}}
{{- end -}}
{{- end }}

{{- define "signet.workers" -}}
{{- default 1 .Values.settings.workers | int -}}
{{- end }}

{{- define "signet.hasPooler" -}}
{{- if and (eq .Values.postgres.mode "cloudnative-pg") .Values.postgres.cloudnativePg.pooler.enabled -}}yes{{- end -}}
{{- end }}

{{/* Refuses to render what would ask Postgres for more connections than it has, and says which number to change. */}}
{{- define "signet.checkConnections" -}}
{{- $replicas := include "signet.mostReplicas" . | int -}}
{{- $surge := include "signet.surge" . | int -}}
{{- $workers := include "signet.workers" . | int -}}
{{- $pool := default 10 .Values.settings.database_pool | int -}}
{{- $pods := add $replicas (mul 2 $surge) | int -}}
{{- $asked := mul $pods $workers (add $pool 1) | int -}}
{{- $jobs := ternary 0 3 (eq .Values.migrations.mode "initContainer") -}}
{{- $reserve := int .Values.postgres.reservedConnections -}}
{{- $has := int .Values.postgres.maxConnections -}}
{{- $replicasName := ternary "autoscaling.maxReplicas" "replicaCount" .Values.autoscaling.enabled -}}
{{- $sum := printf "(%d %s + 2 x %d surge) x %d settings.workers x (%d settings.database_pool + 1)" $replicas $replicasName $surge $workers $pool -}}
{{- if include "signet.hasPooler" . -}}
{{- $pooler := .Values.postgres.cloudnativePg.pooler -}}
{{- $taken := mul (int $pooler.instances) (int $pooler.maxClientConnections) | int -}}
{{- if gt $asked $taken -}}
{{- fail (printf "\nThe service may ask the pooler for %d connections, and it takes %d:\n  %s = %d\nRaise postgres.cloudnativePg.pooler.maxClientConnections to %d, or lower settings.database_pool." $asked $taken $sum $asked (divf $asked $pooler.instances | ceil | int)) -}}
{{- end -}}
{{- $opened := add (mul (int $pooler.instances) (int $pooler.poolSize)) $jobs $reserve | int -}}
{{- if gt $opened $has -}}
{{- fail (printf "\nThe pooler may ask Postgres for more connections than it has: %d instances x %d poolSize + %d for migrations + %d reservedConnections = %d, and postgres.maxConnections is %d.\nRaise postgres.maxConnections to %d, or lower postgres.cloudnativePg.pooler.poolSize." (int $pooler.instances) (int $pooler.poolSize) $jobs $reserve $opened $has $opened) -}}
{{- end -}}
{{- else -}}
{{- $all := add $asked $jobs $reserve | int -}}
{{- if gt $all $has -}}
{{- $fits := sub (div (sub $has (add $jobs $reserve)) (mul $pods $workers)) 1 | int -}}
{{- $way := ternary (printf "Lower settings.database_pool to %d" $fits) (printf "Lower %s" $replicasName) (ge $fits 1) -}}
{{- fail (printf "\nThe service may ask Postgres for more connections than it has:\n  %s + %d for migrations + %d postgres.reservedConnections = %d, and postgres.maxConnections is %d.\n%s, or raise postgres.maxConnections to %d (of the server itself, where it is yours)." $sum $jobs $reserve $all $has $way $all) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "signet.checkMigrations" -}}
{{- if and (eq .Values.migrations.mode "hook") (ne .Values.postgres.mode "external") -}}
{{- fail (printf "\nmigrations.mode=hook runs before anything else is made, so it would wait for ever for a database of this very release.\nWith postgres.mode=%s set migrations.mode=job (the default) or initContainer." .Values.postgres.mode) -}}
{{- end -}}
{{- end }}

{{/* The address that clients use. */}}
{{- define "signet.publicUrl" -}}
{{- if .Values.settings.public_url -}}
{{- .Values.settings.public_url -}}
{{- else if and .Values.httpRoute.enabled .Values.httpRoute.hostnames -}}
{{- printf "https://%s" (first .Values.httpRoute.hostnames) -}}
{{- else if and .Values.ingress.enabled .Values.ingress.hosts -}}
{{- printf "%s://%s" (ternary "https" "http" (not (empty .Values.ingress.tlsSecret))) (first .Values.ingress.hosts) -}}
{{- else -}}
{{- printf "http://%s.%s.svc%s" (include "signet.fullname" .) .Release.Namespace (ternary "" (printf ":%d" (int .Values.service.port)) (eq (int .Values.service.port) 80)) -}}
{{- end -}}
{{- end }}

{{- define "signet.port" -}}{{ default 8000 .Values.settings.port | int }}{{- end }}
{{- define "signet.managementPort" -}}{{ default 9000 .Values.settings.management_port | int }}{{- end }}

{{/* A value as the service reads it: lists with commas, maps as JSON, whole numbers without an exponent. */}}
{{- define "signet.text" -}}
{{- if kindIs "slice" . -}}{{ join "," . }}
{{- else if kindIs "map" . -}}{{ toJson . }}
{{- else if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}
{{- else -}}{{ toString . }}
{{- end -}}
{{- end }}

{{/* Every variable that is no secret. */}}
{{- define "signet.config" -}}
{{- $all := dict -}}
{{- range $name, $value := .Values.settings -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $all (printf "SIGNET_%s" (upper $name)) (include "signet.text" $value) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $all "SIGNET_PUBLIC_URL" (include "signet.publicUrl" .) -}}
{{- $_ := set $all "SIGNET_PORT" (include "signet.port" .) -}}
{{- $_ := set $all "SIGNET_MANAGEMENT_PORT" (include "signet.managementPort" .) -}}
{{- if not .Values.settings.limit_shares -}}
{{- $_ := set $all "SIGNET_LIMIT_SHARES" (mul (include "signet.mostReplicas" . | int) (include "signet.workers" . | int) | toString) -}}
{{- end -}}
{{- if include "signet.hasPooler" . -}}
{{- $_ := set $all "SIGNET_DATABASE_POOLER" "transaction" -}}
{{- end -}}
{{- with .Values.tracing.endpoint }}{{ $_ := set $all "OTEL_EXPORTER_OTLP_ENDPOINT" . }}{{ end -}}
{{- with .Values.tracing.tracesEndpoint }}{{ $_ := set $all "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" . }}{{ end -}}
{{- if ne (toString .Values.tracing.ratio) "" }}{{ $_ := set $all "OTEL_TRACES_SAMPLER_ARG" (toString .Values.tracing.ratio) }}{{ end -}}
{{- with .Values.tracing.sampler }}{{ $_ := set $all "OTEL_TRACES_SAMPLER" . }}{{ end -}}
{{- toYaml $all -}}
{{- end }}
