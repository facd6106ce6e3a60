#!/bin/sh
# What the container runs: `webgguf serve`, as its environment says; arguments are passed on.
#   WEBGGUF_MODEL           a path, an https URL or hf:OWNER/REPO/FILE.gguf
#                           (default: the GGUF file in /repository, or the first of a split)
#   PORT                    (default 8080)
#   WEBGGUF_API_KEY         what requests must bear (default: nothing)
#   WEBGGUF_ALLOW_SOFTWARE  1: a software adapter will do (default: it is refused)
set -eu

model=${WEBGGUF_MODEL:-}
if [ -z "$model" ]; then
  folder=${WEBGGUF_REPOSITORY:-/repository}
  model=$(find "$folder" -name '*.gguf' ! -name '*-of-*' 2>/dev/null | sort | head -n 1)
  [ -n "$model" ] || model=$(find "$folder" -name '*-00001-of-*.gguf' 2>/dev/null | sort | head -n 1)
  if [ -z "$model" ]; then
    echo "error: $folder has no GGUF file; mount one there, or name one in WEBGGUF_MODEL" >&2
    exit 1
  fi
fi

[ "${WEBGGUF_ALLOW_SOFTWARE:-}" = 1 ] || set -- --gpu-only "$@"
main=${WEBGGUF_MAIN:-/app/dist/src/cli/main.js}
exec node "$main" serve -m "$model" --host "${HOST:-0.0.0.0}" --port "${PORT:-8080}" "$@"
