#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The guest's end of qemu/guest.py, on a standard input that is open both ways: reads "ID LENGTH\n" and a
# script, answers "\036reply ID CODE LENGTH LENGTH\n", what the script put out, what it complained of.
set -euo pipefail

work=$1
printf '\036ready\n' >&0
while IFS=' ' read -r id length; do
    # What is no request is noise from before a snapshot.
    [[ $id =~ ^[0-9a-f]{16}$ && ${length:-} =~ ^[0-9]+$ ]] || continue
    head -c "$length" >"$work/script"
    code=0
    bash "$work/script" >"$work/out" 2>"$work/err" </dev/null || code=$?
    mapfile -t lengths < <(stat -c %s "$work/out" "$work/err")
    printf '\036reply %s %d %d %d\n' "$id" "$code" "${lengths[@]}" >&0
    cat "$work/out" "$work/err" >&0
done
