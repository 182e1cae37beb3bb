# A trained model as an HTTP service, on a CPU: docs/service.md has the commands. It was never built.
FROM python:3.11-slim

# Where torch's CPU build lies, as pytorch.org says; without it pip takes the build with several gigabytes of CUDA.
ARG TORCH_INDEX=""

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY conf conf
COPY src src
RUN if [ -n "$TORCH_INDEX" ]; then \
      pip install --no-cache-dir -c constraints.txt --index-url "$TORCH_INDEX" torch torchaudio; \
    fi \
 && pip install --no-cache-dir -c constraints.txt ".[service,formats]"

RUN useradd --create-home ser
USER ser
EXPOSE 8000
HEALTHCHECK --start-period=2m --timeout=10s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=5)"]
ENTRYPOINT ["ser", "serve", "/model", "--host", "0.0.0.0"]
