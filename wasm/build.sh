#!/bin/sh
# Builds the WASM module: wasm/build.sh FLAVOUR OUT [accel]
#
# FLAVOUR is verify, decide or full; with accel the module also imports issuant_host.
# Equal sources and an equal Go give equal bytes, in any folder: nothing of the machine,
# its environment or its workspace enters the file.
set -eu
flavour=$1
out=$2
case $flavour in
verify) tags=issuant_verify,issuant_lean ;;
decide) tags=issuant_decide,issuant_lean ;;
full) tags=issuant_full ;;
*) echo "build.sh: the flavour is verify, decide or full, not $flavour" >&2; exit 2 ;;
esac
test "${3:-}" != accel || tags=$tags,issuant_accel
cd "$(dirname "$0")/.."
case $out in
/*) ;;
*) out=$OLDPWD/$out ;;
esac
exec env GOOS=wasip1 GOARCH=wasm GOWORK=off GOFLAGS= GOEXPERIMENT= GOWASM= CGO_ENABLED=0 \
	go build -buildmode=c-shared -trimpath -buildvcs=false -tags "$tags" -ldflags='-s -w' -o "$out" ./wasm/guest
