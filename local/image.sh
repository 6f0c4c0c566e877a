#!/bin/sh
# Builds the image with docker, buildah or podman, whichever works here: image.sh NAME [more options of the builder]
# BASE, TARGET, VERSION and BUILDER come from `make image`. All times in it are the commit's
# (SOURCE_DATE_EPOCH names another), so buildah and podman make the same layers of the same commit.
set -eu
cd "$(dirname "$0")/.."
name=$1
shift

epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
set -- --tag "$name" --target "${TARGET:-service}" --build-arg "REVISION=$revision" "$@"
[ -z "${VERSION:-}" ] || set -- "$@" --build-arg "VERSION=$VERSION"
[ -z "${BASE:-}" ] || set -- "$@" --build-arg "BASE=$BASE"

builder=${BUILDER:-}
if [ -z "$builder" ]; then
  if docker info >/dev/null 2>&1; then
    builder=docker
  elif command -v buildah >/dev/null; then
    builder=buildah
  elif command -v podman >/dev/null; then
    builder=podman
  else
    echo "signet: building an image needs docker (running), buildah or podman; none is here" >&2
    exit 1
  fi
fi

echo "signet: building $name with $builder" >&2
case $builder in
  docker)
    # BuildKit dates the image; it leaves the times of files unless it is told to rewrite them, as the release does.
    exec docker build --build-arg "SOURCE_DATE_EPOCH=$epoch" "$@" .
    ;;
  buildah) exec buildah build --layers --timestamp "$epoch" "$@" . ;;
  podman) exec podman build --timestamp "$epoch" "$@" . ;;
  *) exec "$builder" . --timestamp "$epoch" "$@" ;;
esac
