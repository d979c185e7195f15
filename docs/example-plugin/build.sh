#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Build the Debian package of this plugin: ./build.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$here}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
python=$stage/usr/lib/python3/dist-packages
version=$(sed -n 's/^Version: //p' "$here/control")
mkdir -p "$python" "$stage/DEBIAN" "$target"
cp "$here/control" "$stage/DEBIAN/control"
cp -r "$here/patronus_wol" "$python/patronus_wol"
cp -r "$here/metadata" "$python/patronus_wol-$version.dist-info"
find "$python" -name __pycache__ -prune -exec rm -r {} +
chmod -R u=rwX,go=rX "$stage"
dpkg-deb --root-owner-group --build "$stage" "$target"
