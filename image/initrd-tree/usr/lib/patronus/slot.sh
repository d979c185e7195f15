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

# Shows a text on every console and succeeds once somebody types the word at one of them, within two minutes.
typed() {
    local console line word=/run/patronus-boot/word
    mkdir -p "${word%/*}" && rm -f "$word"
    say "$2"
    for console in $(</sys/class/tty/console/active); do
        { read -r -t 120 line <"/dev/$console" && [ "${line%$'\r'}" = "$1" ] && : >"$word"; } &
    done
    while [ ! -e "$word" ] && [ -n "$(jobs -pr)" ]; do sleep 0.2; done
    jobs -pr | xargs -r kill 2>/dev/null || :
    [ -e "$word" ]
}

# Prints the device of the partition that the verified root lies on, by the root hash on the command line.
own() {
    [[ $(</proc/cmdline) =~ roothash=([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12}) ]] || return
    echo "/dev/disk/by-partuuid/$(IFS=- && echo "${BASH_REMATCH[*]:1}")"
}

# Prints the device of the partition with this label on the same disk. Fails where there is none.
sibling() {
    local root disk number
    root=$(readlink -e "$(own)")
    disk=$(readlink -e "/sys/class/block/${root##*/}/..")
    number=$(partx -go NR,NAME "/dev/${disk##*/}" | sed -nE "s/^ *([0-9]+) +$1 *\$/\1/p")
    [ -n "$number" ] && number=$(grep -lx "$number" "$disk"/*/partition) && number=${number%/partition} &&
        echo "/dev/${number##*/}"
}

# Prints the text of a variable of systemd-boot: behind four bytes of attributes, UTF-16 of printable ASCII.
variable() {
    tr -d '\0-\37' <"/sys/firmware/efi/efivars/$1-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
}

# Succeeds where the firmware names the disk that was started, and that is the verified root's and no other one.
started() {
    local id disk block found=''
    id=$(variable LoaderDevicePartUUID) || return
    disk=$(readlink -e "/sys/class/block/$(basename "$(readlink -e "$(own)")")/..")
    for block in /sys/class/block/*; do
        [ -e "$block/partition" ] ||
            [[ $(partx -go UUID "/dev/${block##*/}" 2>/dev/null) != *"${id,,}"* ]] || found+="${block##*/} "
    done
    [ "$found" = "${disk##*/} " ]
}

# Shows the boot partition until the script ends, and sets: entry, the file that was started; left and tried,
# its counter, left empty where it has none; others and bad, the files that may be started in its place and
# those that failed too often. Fails where systemd-boot has not started us, or its disk is not there.
look() {
    local id name disk
    id=$(variable LoaderEntrySelected) && disk=$(variable LoaderDevicePartUUID) || return
    id=${id%@*} id=${id%.efi} id=${id%+*} left='' tried=0 entry='' others=() bad=()
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
