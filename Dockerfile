# One image recipe for every service. SET picks the requirement set: site (everything but torch), ingest (readers alone),
# serve (the network without torch) or detector (with torch, for a GPU).
FROM docker.io/library/python:3.11-slim-bookworm

ARG SET=site
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Nothing but what the configuration names is called: ONNX Runtime would report its use to its maker.
ENV ORT_DISABLE_TELEMETRY=1

RUN useradd --system --uid 10001 --create-home bearwatch \
    && mkdir -p /data/media && chown -R bearwatch /data
WORKDIR /app

COPY requirements requirements
COPY scripts/trim scripts/trim
RUN pip install -r requirements/${SET}.txt && scripts/trim /usr/local

COPY core core
COPY db db
COPY rollout rollout
COPY ingest ingest
COPY detector detector
COPY review_ui review_ui
COPY simulation simulation
COPY bearwatch bearwatch

# `docker compose exec ui bearwatch user add NAME`, from whatever folder.
ENV PYTHONPATH=/app
RUN printf '#!/bin/sh\nexec python -m bearwatch "$@"\n' > /usr/local/bin/bearwatch && chmod 755 /usr/local/bin/bearwatch

ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Bearwatch" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}" \
      bearwatch.requirements="${SET}"

USER bearwatch
ENV BEARWATCH_DATA=/data BEARWATCH_CONFIG=/etc/bearwatch/bearwatch.yaml BEARWATCH_ALIVE_FILE=/tmp/alive
ENTRYPOINT ["python", "-m", "bearwatch"]
