# One image for each part: docker build --target signals|selector|sizer|executor|simulator|operator .
# A part's image holds the packages of its own lock (deploy/locks), hash by hash, and its own code: no stage is in another's.
# No setting and no secret is in any: both come from the environment of the container. docs/adr/0018-an-image-for-each-part.md

FROM python:3.11-slim AS base
# By number, so that Kubernetes can see that it is not root.
RUN useradd --system --uid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin dispatch
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

# What installs stays behind: the environment has no pip. The tests that packages ship with go too; nothing imports them.
FROM python:3.11-slim AS installer
WORKDIR /build
RUN python -m venv --without-pip /venv
RUN printf '%s\n' '#!/bin/sh' 'set -e' \
  'python -m pip --python /venv/bin/python install --quiet --no-cache-dir --no-deps --require-hashes --requirement "$1"' \
  'find /venv/lib -type d -name tests -prune -exec rm -rf {} +' > /usr/local/bin/fill-venv \
 && chmod +x /usr/local/bin/fill-venv

FROM installer AS signals-packages
COPY deploy/locks/signals.txt .
RUN fill-venv signals.txt

FROM installer AS selector-packages
COPY deploy/locks/selector.txt .
RUN fill-venv selector.txt

FROM installer AS sizer-packages
COPY deploy/locks/sizer.txt .
RUN fill-venv sizer.txt

FROM installer AS executor-packages
COPY deploy/locks/executor.txt .
RUN fill-venv executor.txt

FROM installer AS simulator-packages
COPY deploy/locks/simulator.txt .
RUN fill-venv simulator.txt

FROM installer AS operator-packages
COPY deploy/locks/operator.txt .
RUN fill-venv operator.txt

FROM base AS signals
COPY --from=signals-packages /venv /venv
COPY kernel kernel
COPY schemas schemas
COPY config config
COPY services/__init__.py services/__init__.py
COPY services/signals services/signals
RUN python -m compileall -q .
USER 10001
CMD ["python", "-m", "services.signals"]
# The code's revision goes into every message; the image has no git to ask.
ARG REVISION=unknown
ENV DISPATCH_REVISION=$REVISION

FROM base AS selector
COPY --from=selector-packages /venv /venv
COPY kernel kernel
COPY schemas schemas
COPY config config
COPY services/__init__.py services/__init__.py
COPY services/selector services/selector
RUN python -m compileall -q .
USER 10001
CMD ["python", "-m", "services.selector"]
# The code's revision goes into every message; the image has no git to ask.
ARG REVISION=unknown
ENV DISPATCH_REVISION=$REVISION

FROM base AS sizer
COPY --from=sizer-packages /venv /venv
COPY kernel kernel
COPY schemas schemas
COPY config config
COPY services/__init__.py services/__init__.py
COPY services/sizer services/sizer
RUN python -m compileall -q .
USER 10001
CMD ["python", "-m", "services.sizer"]
# The code's revision goes into every message; the image has no git to ask.
ARG REVISION=unknown
ENV DISPATCH_REVISION=$REVISION

FROM base AS executor
COPY --from=executor-packages /venv /venv
COPY kernel kernel
COPY schemas schemas
COPY config config
COPY services/__init__.py services/__init__.py
COPY services/executor services/executor
RUN python -m compileall -q .
USER 10001
CMD ["python", "-m", "services.executor"]
# The code's revision goes into every message; the image has no git to ask.
ARG REVISION=unknown
ENV DISPATCH_REVISION=$REVISION

FROM base AS simulator
COPY --from=simulator-packages /venv /venv
COPY kernel/__init__.py kernel/__init__.py
COPY kernel/domain kernel/domain
COPY simulator simulator
RUN python -m compileall -q .
USER 10001
CMD ["python", "-m", "simulator"]
# The code's revision goes into every message; the image has no git to ask.
ARG REVISION=unknown
ENV DISPATCH_REVISION=$REVISION

FROM base AS operator
COPY --from=operator-packages /venv /venv
COPY kernel kernel
COPY schemas schemas
COPY config config
COPY services services
COPY simulator simulator
COPY dispatch dispatch
RUN python -m compileall -q .
USER 10001
ENV DISPATCH_HOME=/tmp/dispatch
ENTRYPOINT ["python", "-m", "dispatch"]
CMD ["--help"]
# The code's revision goes into every message; the image has no git to ask.
ARG REVISION=unknown
ENV DISPATCH_REVISION=$REVISION
