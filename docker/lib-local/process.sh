# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Processes, ports and waiting. A service is known by its pid file, which holds the process id, the
# kernel's start time of that process and the boot: a process id that was given to somebody else
# since is therefore never taken for ours. The file is written by the process itself before it
# becomes the service, so that there is no moment at which one runs without the other.
# Only bash, coreutils, findutils and util-linux are used here: a small base has no ss, ps or curl.

say() { printf '%s\n' "$*" >&2; }
die() { say "docker/local: $*"; exit 1; }
misuse() { say "docker/local: $*; see docker/local --help"; exit 2; }
step() { printf '%-10s %s\n' "$1" "$2" >&2; }

now_ms() { echo $(($(date +%s%N) / 1000000)); }
seconds_since() { awk -v a="$1" -v b="$(now_ms)" 'BEGIN { printf "%.1f", (b - a) / 1000 }'; }

# process_start_time PID: clock ticks after boot; fails for a process that is gone or a zombie.
process_start_time() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # The name in brackets may hold anything, blanks and brackets too: cut behind the last one.
    read -ra stat <<<"${stat##*) }"
    [[ ${stat[0]} != [ZX] ]] && echo "${stat[19]}"
}

# process_pid NAME: the process id while the service runs; fails otherwise.
process_pid() {
    local pid started boot
    { read -r pid started boot <"$dir/run/$1.pid"; } 2>/dev/null || return 1
    [[ $boot == "$(</proc/sys/kernel/random/boot_id)" ]] || return 1
    [[ $(process_start_time "$pid") == "$started" ]] || return 1
    echo "$pid"
}

# process_start NAME COMMAND..: in the background, output appended to log/NAME.log.
process_start() {
    local name=$1 log=$dir/log/$1.log
    shift
    if [[ -f $log && $(stat -c %s "$log") -gt 20000000 ]]; then
        mv "$log" "$log.1"
    fi
    printf -- '--- %s: %s starts\n' "$(date -u +%FT%TZ)" "$name" >>"$log"
    (
        exec </dev/null >>"$log" 2>&1
        for fd in "${locks[@]}" "$messages"; do
            exec {fd}>&-
        done
        cd "$dir" || exit
        pid=$BASHPID
        printf '%s %s %s\n' "$pid" "$(process_start_time "$pid")" \
            "$(</proc/sys/kernel/random/boot_id)" >"run/$name.pid.new" &&
            mv "run/$name.pid.new" "run/$name.pid" &&
            exec setsid "$@"
    ) &
}

# process_stop NAME SIGNAL DEADLINE_S: ends the service; one that does not listen is killed.
process_stop() {
    local name=$1 signal=$2 deadline=$3 pid start
    if pid=$(process_pid "$name"); then
        start=$(now_ms)
        kill -s "$signal" "$pid" 2>/dev/null
        if ! wait_gone "$name" "$deadline"; then
            step "$name" "did not stop within $deadline s after $signal: killing it"
            kill -s KILL "$pid" 2>/dev/null
            wait_gone "$name" 10 || { step "$name" "process $pid cannot be killed"; return 1; }
        fi
        step "$name" "stopped ($(seconds_since "$start") s)"
    fi
    rm -f "$dir/run/$name.pid"
}

# log_end NAME: what it said since it was started last, the end of it.
log_end() {
    awk '/^--- / { text = ""; next } { text = text "           | " $0 "\n" } END { printf "%s", text }' \
        "$dir/log/$1.log" | tail -n 15 >&2
}

wait_gone() {
    local end=$(($(now_ms) + $2 * 1000))
    while process_pid "$1" >/dev/null; do
        (($(now_ms) < end)) || return 1
        sleep 0.05
    done
}

# wait_answer NAME DEADLINE_S: until NAME_answers. 1: it ran out of time or the process ended; both are
# said, with the end of the log.
wait_answer() {
    local name=$1 deadline=$2 start end report why
    start=$(now_ms) end=$((start + deadline * 1000)) report=$((start + 10000))
    until why=$("${name}_answers"); do
        if ! process_pid "$name" >/dev/null; then
            step "$name" "ended while starting; its log ($dir/log/$name.log) says:"
            log_end "$name"
            return 1
        fi
        if (($(now_ms) >= end)); then
            step "$name" "runs but ${why:-does not answer} after $deadline s; its log ($dir/log/$name.log) says:"
            log_end "$name"
            return 1
        fi
        if (($(now_ms) >= report)); then
            step "$name" "still waiting ($(seconds_since "$start") s)${why:+: it $why}"
            report=$((report + 10000))
        fi
        sleep 0.1
    done
}

# port_inode PORT: the socket that listens on the port, on any address; fails when none does.
port_inode() {
    local hex
    printf -v hex '%04X' "$1"
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port="$hex" '$4 == "0A" && $2 ~ (":" port "$") { inode = $10 }
                            END { if (inode == "") exit 1; print inode }'
}

# port_owner PORT: who has it, in words.
port_owner() {
    local inode link pid
    inode=$(port_inode "$1") || return 1
    link=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\\[$inode\\]" -print -quit 2>/dev/null)
    if [[ -z $link ]]; then
        echo "a process of another user"
        return
    fi
    pid=${link#/proc/} pid=${pid%%/*}
    printf 'process %s (%.100s)\n' "$pid" "$(tr '\0\n' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
}

# port_pick: a port nobody listens on into REPLY, below the range the kernel hands out by itself. One directory's
# ports are neighbours, so that two that choose at once, when nobody listens yet, hardly ever meet.
port_next=
port_pick() {
    local try
    : "${port_next:=$((20000 + RANDOM % 700 * 16))}"
    for ((try = 0; try < 1000; try++)); do
        REPLY=$((port_next++))
        [[ " ${ports[*]} " == *" $REPLY "* ]] || port_inode "$REPLY" >/dev/null || return 0
    done
    return 1
}

# http_get PORT PATH: status and body of a GET on 127.0.0.1, in one line.
http_get() (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&3
    timeout 3 awk '{ sub(/\r$/, "") }
                   NR == 1 { status = $2 }
                   is_body { body = body " " $0 }
                   $0 == "" { is_body = 1 }
                   END { if (status == "") exit 1; print status body }' <&3
) 2>/dev/null
