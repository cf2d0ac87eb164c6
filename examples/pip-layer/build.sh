#!/bin/sh
# A Lambda layer from the lock: pip into a folder, proven where it lies, zipped.
set -eu
python -m pip install --no-deps --require-hashes --only-binary :all: -r requirements-minimal.txt -t python/
minreq verify --path .
zip -qr layer.zip python
