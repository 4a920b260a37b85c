#!/bin/sh
# Makes .venv with everything that recon, its example and its tests need; run it again at any time.
set -eu
cd "$(dirname "$0")/.."

: "${PYTHON:=python3}"
if ! "$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; then
    echo "recon needs Python 3.11, 3.12 or 3.13, and $PYTHON is $("$PYTHON" --version 2>&1);" \
        "name another with: make setup PYTHON=python3.12" >&2
    exit 1
fi

# Open3D and OpenCV link these; Debian's names.
missing=""
if [ "$(uname -s)" = Linux ]; then
    libraries=$(/sbin/ldconfig -p 2>/dev/null || ldconfig -p)
    while read -r library package; do
        case "$libraries" in *"$library "*) ;; *) missing="$missing $package" ;; esac
    done <<LIST
libEGL.so.1 libegl1
libGL.so.1 libgl1
libX11.so.6 libx11-6
libudev.so.1 libudev1
libusb-1.0.so.0 libusb-1.0-0
libidn2.so.0 libidn2-0
libgomp.so.1 libgomp1
libglib-2.0.so.0 libglib2.0-0
LIST
fi
if [ -n "$missing" ]; then
    install="apt-get update && apt-get install -y --no-install-recommends$missing"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing system libraries:$missing"
        sh -c "$install"
    else
        echo "Open3D needs system libraries that are missing; run once, then start again:" >&2
        echo "  sudo sh -c '$install'" >&2
        exit 1
    fi
fi

[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
pip=".venv/bin/python -m pip --disable-pip-version-check"
# torch first and by its exact number: any other package asking for it could bring a larger build.
$pip install -q -c constraints.txt "$(grep '^torch==' constraints.txt)"
$pip install -q -c constraints.txt -e '.[dev,export,drives,openvino,train]'
.venv/bin/recon --help >/dev/null
