# One image for each part: docker build --target signals|selector|sizer|executor|simulator|operator .
# A part's image holds the packages of its lock (deploy/locks), hash by hash, and its own code: no stage is in another's.
# No setting and no secret is in any: both come from the environment of the container. docs/adr/0018-an-image-for-each-part.md

FROM python:3.11-slim AS base
RUN useradd --system --uid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin dispatch
# By number, so that Kubernetes can see that it is not root. What is copied below stays root's: the part cannot change it.
USER 10001
# The code's revision goes into every message; the image has no git to ask.
ARG REVISION=unknown
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DISPATCH_REVISION=$REVISION
WORKDIR /app

# What installs stays behind: the environment has no pip. The tests that packages ship with go too; nothing imports them.
FROM python:3.11-slim AS installer
RUN python -m venv --without-pip /venv \
 && printf '%s\n' '#!/bin/sh' 'set -e' \
  'python -m pip --python /venv/bin/python install --quiet --no-cache-dir --no-deps --require-hashes --requirement "$1"' \
  'find /venv/lib -type d -name tests -prune -exec rm -rf {} +' > /usr/local/bin/fill-venv \
 && chmod +x /usr/local/bin/fill-venv

# ---- Stages: their sets of packages are one and the same, so they share that layer; a roll brings only the code ----
FROM installer AS stage-packages
COPY deploy/locks/stage.txt /tmp/lock.txt
RUN fill-venv /tmp/lock.txt

FROM base AS stage
COPY --from=stage-packages /venv /venv

FROM scratch AS kernel
COPY kernel /app/kernel
COPY schemas /app/schemas
COPY config /app/config
COPY services/__init__.py /app/services/__init__.py

FROM kernel AS signals-code
COPY services/signals /app/services/signals
FROM stage AS signals
CMD ["python", "-m", "services.signals"]
COPY --from=signals-code /app /app

FROM kernel AS selector-code
COPY services/selector /app/services/selector
FROM stage AS selector
CMD ["python", "-m", "services.selector"]
COPY --from=selector-code /app /app

FROM kernel AS sizer-code
COPY services/sizer /app/services/sizer
FROM stage AS sizer
CMD ["python", "-m", "services.sizer"]
COPY --from=sizer-code /app /app

FROM kernel AS executor-code
COPY services/executor /app/services/executor
FROM stage AS executor
CMD ["python", "-m", "services.executor"]
COPY --from=executor-code /app /app

# ---- The venue ----
FROM installer AS simulator-packages
COPY deploy/locks/simulator.txt /tmp/lock.txt
RUN fill-venv /tmp/lock.txt

FROM scratch AS simulator-code
COPY kernel/__init__.py /app/kernel/__init__.py
COPY kernel/domain /app/kernel/domain
COPY simulator /app/simulator

# The account's state, kept over restarts: the volume mounted there takes its owner from this folder.
FROM installer AS simulator-state
RUN mkdir --parents /state/simulator

FROM base AS simulator
CMD ["python", "-m", "simulator"]
COPY --from=simulator-state --chown=10001 /state /var/lib
COPY --from=simulator-packages /venv /venv
COPY --from=simulator-code /app /app

# ---- The operator's command, with every stage's code for replays ----
FROM installer AS operator-packages
COPY deploy/locks/operator.txt /tmp/lock.txt
RUN fill-venv /tmp/lock.txt

FROM kernel AS operator-code
COPY services /app/services
COPY simulator /app/simulator
COPY dispatch /app/dispatch

FROM base AS operator
ENV DISPATCH_HOME=/tmp/dispatch
ENTRYPOINT ["python", "-m", "dispatch"]
CMD ["--help"]
COPY --from=operator-packages /venv /venv
COPY --from=operator-code /app /app
