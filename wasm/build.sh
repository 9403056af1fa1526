#!/bin/sh
# Builds one WASM module: wasm/build.sh FLAVOUR OUT [accel]. It is mkwasm for scripts.
set -eu
case $2 in
/*) out=$2 ;;
*) out=$PWD/$2 ;;
esac
accel=
test "${3:-}" != accel || accel=-accel
cd "$(dirname "$0")/.."
exec env GOOS= GOARCH= go run ./wasm/mkwasm -flavour "$1" $accel -o "$out"
