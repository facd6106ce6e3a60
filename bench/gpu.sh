#!/usr/bin/env bash
# All measurements of a GPU in one run of under ten minutes, without a network: options as in bench/gpu.ts.
#
# On a bare machine: `../shared/gpu/pack.sh --peer` in a checkout packs Node, Dawn, the production modules and llama.cpp's
# Vulkan backend into .gpu/; carry that along with the source, and run this there.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -f .gpu/env.sh ]; then . .gpu/env.sh; fi
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
exec node bench/gpu.ts "$@"
