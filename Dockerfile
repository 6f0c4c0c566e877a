# The image of Signet: `serve` by default, any other command of `python -m service` as arguments.
#
#     make image                                   # with docker, buildah or podman, whichever is there
#     docker build --target dev -t signet:dev .    # the one for `skaffold dev`: reloads, has the watcher
#
# Nothing here is BuildKit's alone. The base is pinned by the digest of its multi-platform index; a build may name
# another (docker build --build-arg BASE=...), which only has to have Python 3.11 or newer.
ARG BASE=python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

# What is installed: wheels whose hashes are locked. Nothing is compiled, so no compiler is needed anywhere.
FROM ${BASE} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/service.txt service.txt
RUN python -m venv --without-pip /opt/signet \
 && python -m pip --python /opt/signet/bin/python install --no-compile --require-hashes --only-binary=:all: \
      --requirement service.txt \
 && find /opt/signet -depth \( -type d -name tests \
      -o -type f \( -name '*.c' -o -name '*.cpp' -o -name '*.h' -o -name '*.hpp' -o -name '*.pyi' -o -name '*.pyx' \
      -o -name '*.pxd' -o -name '*.pxi' -o -iname 'activate*' \) \) -exec rm -r {} +

# The same and what notices a changed file. Builders may set the times of files: bytecode that goes by them would be
# stale, and each start of the service three times as long.
FROM packages AS packages-dev
COPY requirements/reload.txt reload.txt
RUN python -m pip --python /opt/signet/bin/python install --no-compile --require-hashes --only-binary=:all: \
      --requirement reload.txt \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/signet/lib

# What both images have in common: no pip, no other way to install, and somebody who owns nothing.
FROM ${BASE} AS bare
RUN set -eu; \
    library="$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"; \
    rm -rf "$library"/site-packages/pip* "$library"/ensurepip "$library"/idlelib "$library"/lib2to3 \
      "$library"/pydoc_data "$library"/tkinter "$library"/turtledemo "$library"/turtle.py "$library"/test \
      /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/2to3* /root/.cache; \
    echo 'signet:x:10001:10001:Signet:/app:/usr/sbin/nologin' >> /etc/passwd; \
    echo 'signet:x:10001:' >> /etc/group
# Large blocks, such as those of password hashes, are mapped and so given back at once, instead of a threshold that
# grows until memory stays with the process; in huge pages, or faulting them in makes a hash a fifth dearer. Heartbeats
# of workers go to memory: the root may be read-only.
ENV PATH=/opt/signet/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 \
    TMPDIR=/dev/shm
WORKDIR /app
EXPOSE 8000 9000
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "service"]

# Bytecode once, instead of at each start: of the packages, of the service, and of what they import of Python itself.
# Its validity does not depend on times, so the same commit gives the same bytes.
FROM bare AS compiled
COPY --from=packages /opt/signet /opt/signet
COPY service service
RUN set -eu; \
    python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/signet/lib service; \
    python -c 'import sys, service.server, service.commands.checking, multiprocessing.resource_tracker; \
from py_compile import PycInvalidationMode, compile; \
library = "/usr/local/lib/python"; \
found = {getattr(module, "__file__", None) for module in list(sys.modules.values())}; \
[compile(file, doraise=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH) \
for file in sorted(filter(None, found)) if file.startswith(library) and file.endswith(".py")]'; \
    mkdir /bytecode; \
    find /usr/local/lib -name __pycache__ -type d -exec cp -r --parents {} /bytecode \;

# For developers: files are edited in /app, which has to be writable (a volume, where the root is not), and a change
# starts the service again. Copying into it needs tar, which the base has. Other commands than `dev` run on the files
# of the image. Nothing of the service is compiled ahead, or an edit would be overlooked.
FROM bare AS dev
COPY --from=compiled /bytecode /
COPY --from=packages-dev /opt/signet /opt/signet
COPY service /opt/source/service
RUN chown 10001:10001 /app
USER 10001:10001
ENV PYTHONPATH=/app:/opt/source PYTHONDONTWRITEBYTECODE=
ENTRYPOINT ["sh", "-c", "[ \"$1\" != dev ] || [ -e service ] || cp -R /opt/source/service . && exec python -m service \"$@\"", "signet"]
CMD ["dev"]

# What generates load: Locust, the scenarios, and of the service what makes its tokens.
FROM packages AS packages-loadtests
COPY requirements/loadtests.txt loadtests.txt
RUN python -m pip --python /opt/signet/bin/python install --compile --require-hashes --only-binary=:all: \
      --requirement loadtests.txt \
 && python -m compileall -q /opt/signet/lib

FROM bare AS loadtests
COPY LICENSE NOTICE ./
COPY --from=packages-loadtests /opt/signet /opt/signet
COPY service service
COPY local local
COPY loadtests loadtests
USER 10001:10001
EXPOSE 5557
ENTRYPOINT ["python", "-m", "loadtests"]
CMD ["--help"]

FROM bare AS service
COPY LICENSE NOTICE ./
COPY --from=compiled /bytecode /
COPY --from=compiled /opt/signet /opt/signet
COPY --from=compiled /app/service service
USER 10001:10001
ENV SIGNET_MODE=production
CMD ["serve"]
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Signet" \
      org.opencontainers.image.description="Users, sessions and tokens for every other service in a cluster." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
