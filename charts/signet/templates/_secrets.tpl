{{/* Secrets: given ones are used; else what the cluster has is kept; else they are made, once. */}}

{{/* Which Secret and key hold something. Takes a list: root, the specific Secret's name, the specific key, our key. */}}
{{- define "signet.ref" -}}
{{- $root := index . 0 -}}
{{- if index . 1 -}}
name: {{ index . 1 }}
key: {{ index . 2 }}
{{- else if $root.Values.existingSecret -}}
name: {{ $root.Values.existingSecret }}
key: {{ index . 3 }}
{{- else -}}
name: {{ include "signet.fullname" $root }}
key: {{ index . 3 }}
{{- end -}}
{{- end }}

{{- define "signet.secretKeysRef" -}}
{{- include "signet.ref" (list . .Values.secretKeys.existingSecret .Values.secretKeys.key "secret-keys") -}}
{{- end }}
{{- define "signet.adminRef" -}}
{{- include "signet.ref" (list . .Values.admin.existingSecret .Values.admin.key "admin-password") -}}
{{- end }}
{{- define "signet.postgresRef" -}}
{{- $own := .Values.postgres.bundled -}}
{{- include "signet.ref" (list . $own.existingSecret $own.key "postgres-password") -}}
{{- end }}
{{- define "signet.superuserRef" -}}
{{- $own := .Values.postgres.bundled -}}
{{- include "signet.ref" (list . $own.existingSecret $own.superuserKey "postgres-superuser-password") -}}
{{- end }}
{{- define "signet.redisRef" -}}
{{- $own := .Values.redis.bundled -}}
{{- include "signet.ref" (list . $own.existingSecret $own.key "redis-password") -}}
{{- end }}

{{/* An address of an external store is either in a Secret of yours or, from the values, in ours. */}}
{{- define "signet.externalRef" -}}
{{- $root := index . 0 -}}
{{- $store := index . 1 -}}
{{- $own := index . 2 -}}
{{- $path := index . 3 -}}
{{- if $store.existingSecret -}}
name: {{ $store.existingSecret }}
key: {{ $store.key }}
{{- else if $store.url -}}
name: {{ include "signet.fullname" $root }}
key: {{ $own }}
{{- else -}}
{{- fail (printf "\n%s.mode=external needs the store's address. Put it into a Secret and name that:\n  kubectl --namespace %s create secret generic my-%s --from-literal=%s='...'\n  --set %s.external.existingSecret=my-%s" $path $root.Release.Namespace $path $store.key $path $path) -}}
{{- end -}}
{{- end }}

{{/* Names of what would have to be generated. */}}
{{- define "signet.wanted" -}}
{{- $wanted := list -}}
{{- if not .Values.existingSecret -}}
{{- if not .Values.secretKeys.existingSecret }}{{ $wanted = append $wanted "secret-keys" }}{{ end -}}
{{- if and .Values.admin.email (not .Values.admin.existingSecret) }}{{ $wanted = append $wanted "admin-password" }}{{ end -}}
{{- if and (eq .Values.postgres.mode "bundled") (not .Values.postgres.bundled.existingSecret) }}{{ $wanted = concat $wanted (list "postgres-password" "postgres-superuser-password") }}{{ end -}}
{{- if and (eq .Values.redis.mode "bundled") (not .Values.redis.bundled.existingSecret) }}{{ $wanted = append $wanted "redis-password" }}{{ end -}}
{{- end -}}
{{- toJson $wanted -}}
{{- end }}

{{/* The data of our own Secret. Drawn once in a rendering: every template that asks gets the same. */}}
{{- define "signet.secretData" -}}
{{- if not (hasKey .Values "_drawn") -}}
{{- $_ := set .Values "_drawn" (include "signet.drawSecrets" .) -}}
{{- end -}}
{{- get .Values "_drawn" -}}
{{- end }}

{{- define "signet.drawSecrets" -}}
{{- $wanted := include "signet.wanted" . | fromJsonArray -}}
{{- $data := dict -}}
{{- if $wanted -}}
{{- $name := include "signet.fullname" . -}}
{{- $found := (lookup "v1" "Secret" .Release.Namespace $name).data | default dict -}}
{{- $seesCluster := not (empty (lookup "v1" "Secret" .Release.Namespace "")) -}}
{{- range $wanted -}}
{{- if hasKey $found . -}}
{{- $_ := set $data . (get $found .) -}}
{{- else if not $seesCluster -}}
{{- include "signet.refuseToDraw" (list $ $wanted) -}}
{{- else if and (eq . "secret-keys") $.Release.IsUpgrade -}}
{{- fail (printf "\nThe key `secret-keys` of the Secret %s is not there, and new ones could not read the signing keys in the database.\nRestore that Secret, or name one that holds the former keys: --set secretKeys.existingSecret=..." $name) -}}
{{- else -}}
{{- $_ := set $data . (randAlphaNum (ternary 64 32 (eq . "secret-keys")) | b64enc) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $postgres := .Values.postgres.external -}}
{{- if and (eq .Values.postgres.mode "external") (not $postgres.existingSecret) $postgres.url }}{{ $_ := set $data "database-url" (b64enc $postgres.url) }}{{ end -}}
{{- $redis := .Values.redis.external -}}
{{- if and (eq .Values.redis.mode "external") (not $redis.existingSecret) $redis.url }}{{ $_ := set $data "redis-url" (b64enc $redis.url) }}{{ end -}}
{{- if $data }}{{ toYaml $data }}{{ end -}}
{{- end }}

{{/* Without a cluster nobody knows whether secrets exist already, and new ones at each rendering would destroy. */}}
{{- define "signet.refuseToDraw" -}}
{{- $root := first . -}}
{{- $literals := list -}}
{{- range last . -}}
{{- $literals = append $literals (printf " \\\n    --from-literal=%s=\"$(openssl rand %s)\"" . (ternary "-base64 48" "-hex 24" (eq . "secret-keys"))) -}}
{{- end -}}
{{- fail (printf "\nThis rendering sees no cluster, so it can't tell which secrets exist, and new ones each time would make every signing key unreadable.\nMake them once and name them:\n\n  kubectl --namespace %s create secret generic signet-secrets%s\n\n  --set existingSecret=signet-secrets" $root.Release.Namespace (join "" $literals)) -}}
{{- end }}

{{/* The Secret that a pod reads. A hook runs before ours exists, so it has a copy. Takes a list: YAML of a ref, root, whether it is for a hook. */}}
{{- define "signet.refFor" -}}
{{- $ref := index . 0 | fromYaml -}}
{{- if and (index . 2) (eq $ref.name (include "signet.fullname" (index . 1))) -}}
{{- $_ := set $ref "name" (printf "%s-migrate" (include "signet.fullname" (index . 1))) -}}
{{- end -}}
{{- toYaml $ref -}}
{{- end }}
