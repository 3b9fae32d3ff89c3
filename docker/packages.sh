# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What Debian 12 and 13 must have installed to build, run and test the project: the one list, sourced
# by docker/local and tests/run. An entry with | names alternatives: any installed one will do, the
# first is installed when none is.

packages_run=(
    build-essential cmake ninja-build pkg-config
    librdkafka-dev libpq-dev libavro-dev libcurl4-openssl-dev libjansson-dev libsodium-dev
    libmicrohttpd-dev libzxcvbn-dev libcrypt-dev libcmocka-dev
    postgresql
    "default-jre-headless|openjdk-17-jre-headless|openjdk-21-jre-headless|default-jdk-headless"
    maven curl ca-certificates
)
packages_test=(python3 python3-venv chromium slowhttptest)

# packages_missing ENTRY..: the packages to install, one a line; nothing when all are there.
packages_missing() {
    local entry name installed
    installed=$(dpkg-query -W -f='${db:Status-Abbrev}|${Package}|${Provides}\n' 2>/dev/null |
        awk -F'|' '$1 ~ /^ii/ { print $2; n = split($3, p, ", ")
                                for (i = 1; i <= n; i++) { sub(/ .*/, "", p[i]); print p[i] } }')
    installed=$'\n'$installed$'\n'
    for entry; do
        for name in ${entry//|/ }; do
            [[ $installed == *$'\n'"$name"$'\n'* ]] && continue 2
        done
        echo "${entry%%|*}"
    done
}

# packages_ensure ENTRY..: installs what is missing; 0 when everything is there in the end.
packages_ensure() {
    local missing=() as_root=() log status conf=/etc/postgresql-common/createcluster.d/retentionai.conf
    if ! command -v dpkg-query >/dev/null; then
        echo "This is no Debian: packages are not installed for you. Needed are (Debian's names): $*" >&2
        return 0
    fi
    mapfile -t missing < <(packages_missing "$@")
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            printf 'Missing packages, and neither root nor sudo to install them:\n  apt-get install %s\n' \
                "${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    echo "installing ${#missing[@]} Debian packages: ${missing[*]}" >&2
    log=$(mktemp) || return 1

    # Debian's postgresql starts a database cluster of its own on installation. Ours is private, so
    # this one install is told not to; the machine's setting is left as it was found.
    "${as_root[@]}" mkdir -p "${conf%/*}"
    echo "create_main_cluster = false" | "${as_root[@]}" tee "$conf" >/dev/null
    # A lock held by an unattended upgrade is waited for; a package list that is too old is renewed.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
        apt-get -q update &&
        apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
    ' sh "${missing[@]}" >"$log" 2>&1 </dev/null
    status=$?
    "${as_root[@]}" rm -f "$conf"
    if ((status != 0)); then
        tail -n 25 "$log" >&2
        echo "apt-get could not install the packages (its whole output: $log)" >&2
        return 1
    fi
    rm -f "$log"
    mapfile -t missing < <(packages_missing "$@")
    if ((${#missing[@]})); then
        echo "apt-get said yes, but these are still missing: ${missing[*]}" >&2
        return 1
    fi
}
