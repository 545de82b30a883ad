# One image for the venue, every stage and the operator's command; the command says which:
#   python -m services.selector | python -m simulator | dispatch …
# No setting and no secret is in it: both come from the environment of the container.

# Fetch everything the lock names, hash by hash. What the later stages take comes out of this folder and from nowhere else.
FROM python:3.11-slim AS wheels
WORKDIR /build
COPY requirements.lock .
RUN python -m pip wheel --quiet --no-deps --require-hashes --requirement requirements.lock --wheel-dir /wheels

# Of these, only what the project itself needs: no test tools, no embedded servers.
FROM wheels AS dependencies
COPY pyproject.toml .
RUN python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > needed.txt \
 && python -m venv /venv \
 && /venv/bin/python -m pip install --quiet --no-index --find-links /wheels --requirement needed.txt

FROM dependencies AS project
COPY . .
RUN /venv/bin/python -m pip wheel --quiet --no-deps --no-index --find-links /wheels --wheel-dir /dist .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin dispatch
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY --from=dependencies /venv /venv
COPY --from=project /dist /dist
RUN python -m pip install --quiet --no-deps --no-index /dist/*.whl
USER dispatch
CMD ["dispatch", "--help"]
# The code's revision goes into every message; the image has no git to ask.
ARG REVISION=unknown
ENV DISPATCH_REVISION=$REVISION
