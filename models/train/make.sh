#!/bin/sh
# Remakes models/pocket-q8_0.gguf and models/heldout.jsonl from nothing but this folder.
#   models/train/make.sh [WORK_DIRECTORY]        about an hour on two cores
set -eu
here=$(cd "$(dirname "$0")" && pwd)
models=$(dirname "$here")
work=${1:-${TMPDIR:-/tmp}/pocket-model}
mkdir -p "$work"
export PYTHONDONTWRITEBYTECODE=1
# Memory that is given back to the system after every operation is slow to get again.
export GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592:glibc.malloc.hugetlb=1

[ -d "$work/venv" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
python() { "$work/venv/bin/python" "$@"; }

cd "$here"
python heldout.py "$models/heldout.jsonl"
python vocabulary.py "$work"
python dataset.py "$work"
python train.py "$work" "$models/heldout.jsonl"
python export.py "$work" "$models/pocket-q8_0.gguf"
python evaluate.py "$work" "$models/pocket-q8_0.gguf" "$models/heldout.jsonl"
