#!/bin/sh
# Remakes models/pocket-q8_0.gguf and models/heldout.jsonl from nothing but this folder; run again, it goes on where it stopped.
#   models/train/make.sh [WORK_DIRECTORY [OUT_DIRECTORY]]        under an hour on two cores
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-${TMPDIR:-/tmp}/pocket-model}
out=${2:-$(dirname "$here")}
mkdir -p "$work" "$out"
work=$(cd "$work" && pwd) out=$(cd "$out" && pwd)
export PYTHONDONTWRITEBYTECODE=1
# Memory that is given back to the system after every operation is slow to get again.
export GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592:glibc.malloc.hugetlb=1

[ -d "$work/venv" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
python() { "$work/venv/bin/python" "$@"; }

cd "$here"
python heldout.py "$out/heldout.jsonl"
python vocabulary.py "$work"
python dataset.py "$work"
python train.py "$work" "$out/heldout.jsonl"
python export.py "$work" "$out/pocket-q8_0.gguf"
python evaluate.py "$work" "$out/pocket-q8_0.gguf" "$out/heldout.jsonl"
