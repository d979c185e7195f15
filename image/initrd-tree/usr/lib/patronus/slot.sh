# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the scripts slot-* know of the system that was started and of its boot counter. Sourced by them.
esp=/run/patronus-boot/esp
damaged='(data|metadata) block [0-9]+ is corrupted'

# Shows a text on every console: the screen, the serial port.
say() {
    local console
    for console in $(</sys/class/tty/console/active); do
        printf '\r\n%s\r\n' "${1//$'\n'/$'\r\n'}" >"/dev/$console" || :
    done
}

# Prints the text of a variable of systemd-boot: behind four bytes of attributes, UTF-16 of printable ASCII.
variable() {
    tr -d '\0-\37' <"/sys/firmware/efi/efivars/$1-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
}

# Shows the boot partition until the script ends, and sets: entry, the file that was started; left and tried,
# its counter, left empty where it has none; others and bad, the files that may be started in its place and
# those that failed too often. Fails where systemd-boot has not started us, or its disk is not there.
look() {
    local id name disk
    id=$(variable LoaderEntrySelected) && disk=$(variable LoaderDevicePartUUID) || return
    id=${id%.efi} id=${id%+*} left='' tried=0 entry='' others=() bad=()
    disk=/dev/disk/by-partuuid/${disk,,}
    mkdir -p "$esp"
    timeout 60 bash -c "until [ -e $disk ]; do sleep 0.2; done" || return
    mount -t vfat -o "$1,umask=0077" "$disk" "$esp" || return
    trap 'umount "$esp"' EXIT
    for name in "$esp"/EFI/Linux/*.efi; do
        case $(basename "$name" .efi) in
            "$id" | "$id"+*) entry=$name ;;
            *+0 | *+0-*) bad+=("$name") ;;
            *) others+=("$name") ;;
        esac
    done
    if [[ $entry =~ \+([0-9]+)(-([0-9]+))?\.efi$ ]]; then
        left=${BASH_REMATCH[1]} tried=${BASH_REMATCH[3]:-0}
    fi
}

# Gives a system that had been good its tries back; the one under way was the first.
recount() {
    if [ -z "$left" ]; then
        mv "$entry" "${entry%.efi}+2-1.efi"
        left=2 tried=1
    fi
}
