# The one image of all the ledger's processes; what it runs is said by docker-compose.yml, as by the Procfile.
FROM python:3.11.7-slim-bookworm AS build
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY pyproject.toml README.md ./
COPY ledger ledger
COPY projections projections
COPY consumers consumers
COPY api api
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.11.7-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home ledger && install -d -o 10001 -m 0700 /var/lib/ledger
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
ENTRYPOINT ["ledger"]
CMD ["--help"]
