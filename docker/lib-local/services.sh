# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the services are: for each NAME the functions NAME_run (make its files when they are missing,
# then start it), NAME_answers (does it do its work, asked by its own protocol; a sentence of its own
# about why not goes to standard output). service_up puts them together.

declare -A stop_signal=([postgres]=INT [kafka]=TERM [registry]=TERM [scoring]=TERM [retention]=TERM
    [gateway]=TERM [stub-llm]=TERM)
declare -A stop_seconds=([postgres]=20 [kafka]=30 [registry]=15 [scoring]=10 [retention]=10 [gateway]=10 [stub-llm]=5)
declare -A start_seconds=([postgres]=60 [kafka]=90 [registry]=90 [scoring]=60 [retention]=60 [gateway]=60
    [stub-llm]=10)

# ---- PostgreSQL -----------------------------------------------------------------------------

# The newest installed server. Debian keeps the versions side by side.
postgres_bin() {
    local found
    found=$(find /usr/lib/postgresql -maxdepth 3 -path '*/bin/postgres' 2>/dev/null | sort -V | tail -n 1)
    [[ -n $found ]] || { say "no PostgreSQL server under /usr/lib/postgresql"; return 1; }
    echo "${found%/*}"
}

# The server refuses to be root: then it is the user postgres, whom the package made.
as_postgres() {
    if ((EUID == 0)); then
        setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

# postgres_home: the folder of the database. Inside the private directory where the server's user can
# get there, else (a clone under /root) in /var/tmp under a name made from the directory's.
postgres_home() {
    local home=$dir/postgres owner
    if [[ -s $dir/postgres.home ]]; then
        cat "$dir/postgres.home"
        return
    fi
    if ((EUID == 0)); then
        owner=postgres
        if ! (cd / && as_postgres test -x "$dir"); then
            home=/var/tmp/retentionai-$(sha256sum <<<"$dir" | cut -c1-16)
        fi
    else
        owner=$(id -un)
    fi
    # Somebody else's folder under that name would be somebody else's database.
    if [[ -L $home ]] || [[ -e $home && $(stat -c %U "$home") != "$owner" ]]; then
        say "$home exists and does not belong to $owner: remove it"
        return 1
    fi
    mkdir -p -m 700 "$home" && { ((EUID != 0)) || chown postgres:postgres "$home"; } || return 1
    echo "$home" >"$dir/postgres.home"
    echo "$home"
}

postgres_password() { cat "$dir/secrets/postgres-password"; }

postgres_run() {
    local bin home
    bin=$(postgres_bin) && home=$(postgres_home) || return 1
    if [[ ! -s $dir/secrets/postgres-password ]]; then
        od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$dir/secrets/postgres-password" || return 1
    fi
    # data appears under its name only when initdb is done.
    if [[ ! -d $home/data ]]; then
        rm -rf "$home/data.new" "$home/password"
        postgres_password | as_postgres tee "$home/password" >/dev/null &&
            (cd "$home" && as_postgres "$bin/initdb" -D "$home/data.new" -U retentionai -A scram-sha-256 \
                --pwfile="$home/password" -E UTF8 --locale=C.UTF-8 -N) >>"$dir/log/postgres.log" 2>&1 &&
            rm -f "$home/password" && mv "$home/data.new" "$home/data" || {
            step postgres "initdb failed, see $dir/log/postgres.log"
            return 1
        }
    elif [[ $(<"$home/data/PG_VERSION") != "$(basename "${bin%/bin}")" ]]; then
        bin=/usr/lib/postgresql/$(<"$home/data/PG_VERSION")/bin
        if [[ ! -x $bin/postgres ]]; then
            step postgres "the database in $home is of PostgreSQL $(<"$home/data/PG_VERSION"), which is not installed; down --wipe makes a new one"
            return 1
        fi
    fi
    postgres_unlock "$home/data" || return 1
    local user=()
    ((EUID == 0)) && user=(setpriv --reuid=postgres --regid=postgres --init-groups --)
    process_start postgres env -C "$home" "${user[@]}" "$bin/postgres" -D "$home/data" \
        -c listen_addresses=127.0.0.1 -c port="${ports[postgres]}" -c unix_socket_directories= \
        -c max_connections=200 -c log_line_prefix='%m [%p] %u@%d '
}

# A killed server leaves its lock file, and refuses to start while the process id in it belongs to
# anybody (a zombie, a stranger). No process in the data folder means that nobody uses it.
postgres_unlock() {
    for _ in {1..100}; do
        if [[ -z $(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$1" -print -quit 2>/dev/null) ]]; then
            rm -f "$1/postmaster.pid"
            return
        fi
        sleep 0.1
    done
    step postgres "a process still uses $1"
    return 1
}

# sql DATABASE ARGUMENT..: psql without start-up files, the password out of sight of ps.
sql() {
    local database=$1
    shift
    PGPASSWORD=$(postgres_password) PGCONNECT_TIMEOUT=5 psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 \
        -p "${ports[postgres]}" -U retentionai -d "$database" "$@"
}

# The program's database belongs to "PostgreSQL answers": nothing can be done before it exists.
postgres_answers() {
    [[ $(sql postgres -Atc "SELECT count(*) FROM pg_database WHERE datname = 'retentionai'") == 1 ]] ||
        sql postgres -c 'CREATE DATABASE retentionai'
} 2>/dev/null

# ---- Apache Kafka: one node, broker and controller -------------------------------------------

kafka_run() {
    local home=$dir/kafka id at advertised proxied="" proxied_advertised="" proxied_protocol=""
    rm -rf "$home/tmp" && mkdir -p "$home/tmp" || return 1
    # For tests, PORT:ADVERTISED: a further listener whose clients are told another port, that of a proxy.
    [[ -z ${LOCAL_KAFKA_PROXIED-} ]] || echo "$LOCAL_KAFKA_PROXIED" >"$home/proxied"
    if [[ -s $home/proxied ]]; then
        IFS=: read -r at advertised <"$home/proxied"
        proxied=,PROXIED://127.0.0.1:$at
        proxied_advertised=,PROXIED://127.0.0.1:$advertised
        proxied_protocol=,PROXIED:PLAINTEXT
    fi
    # The offsets of a group that reads rarely must outlive the longest-kept topic (90 days), and the
    # young generation is small because its collections stop every request. Tests that wait for the end of a
    # session ask for a short one.
    cat >"$home/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:${ports[kafka_controller]}
controller.listener.names=CONTROLLER
listeners=BROKER://127.0.0.1:${ports[kafka]},CONTROLLER://127.0.0.1:${ports[kafka_controller]}$proxied
advertised.listeners=BROKER://127.0.0.1:${ports[kafka]},CONTROLLER://127.0.0.1:${ports[kafka_controller]}$proxied_advertised
inter.broker.listener.name=BROKER
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT$proxied_protocol
log.dirs=$home/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=144000
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=2000
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=5000
PROPERTIES
    if [[ ! -f $home/formatted ]]; then
        rm -rf "$home/data"
        # 16 bytes, base64url; one that begins with a dash would look like an option.
        until [[ -n ${id-} && $id != -* ]]; do
            id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
        done
        java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
            -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$kafka_home/*" \
            kafka.tools.StorageTool format --standalone -t "$id" -c "$home/server.properties" \
            >>"$dir/log/kafka.log" 2>&1 </dev/null && touch "$home/formatted" || {
            step kafka "formatting its storage failed, see $dir/log/kafka.log"
            return 1
        }
    fi
    # LogManager's two files: it has run here before, and it did not end in an orderly way.
    if [[ -f $home/data/recovery-point-offset-checkpoint && ! -f $home/data/.kafka_cleanshutdown ]]; then
        kafka_fence "$home" || return 1
    fi
    kafka_start "$home/server.properties"
}

# kafka_start PROPERTIES JAVA-OPTION..
kafka_start() {
    process_start kafka java -Xmx1g -Xmn24m -XX:+UseSerialGC -XX:-UsePerfData \
        -Djava.io.tmpdir="$dir/kafka/tmp" -XX:+ExitOnOutOfMemoryError -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        -Dorg.slf4j.simpleLogger.log.org.apache.kafka.coordinator.common.runtime.CoordinatorRuntime=info \
        -Dorg.slf4j.simpleLogger.log.org.apache.kafka.server.BrokerLifecycleManager=info \
        -Dorg.slf4j.simpleLogger.showDateTime=true \
        -Dorg.slf4j.simpleLogger.dateTimeFormat="yyyy-MM-dd'T'HH:mm:ss.SSSX" \
        "${@:2}" -cp "$kafka_home/*" kafka.Kafka "$1"
}

# A broker that was killed still counts as alive in the cluster's metadata, and one that starts again
# works by that for some seconds, until the controller takes it out and in again: its partitions have
# no leader for a moment. Kafka 4.4 takes such a partition for a deleted one when it has to mark the end of
# a transaction there, and leaves the transaction open for ever: readers of committed data stop in front of
# it. So the controller alone comes up first, until it has given up the broker.
kafka_fence() {
    local started
    sed -e 's/^process.roles=.*/process.roles=controller/' -e '/^listeners=/s/BROKER:[^,]*,//' -e '/^listeners=/s/,PROXIED:.*//' \
        -e '/^advertised.listeners=/d' -e '/^inter.broker.listener.name=/d' \
        -e 's/^broker.session.timeout.ms=.*/broker.session.timeout.ms=500/' \
        "$1/server.properties" >"$1/controller.properties"
    step kafka "was killed: its controller first gives up the broker that was"
    kafka_start "$1/controller.properties" -XX:TieredStopAtLevel=1 \
        -Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller.ReplicationControlManager=info &&
        wait_pid_file kafka || return 1
    started=$(now_ms)
    until kafka_has_fenced "$dir/log/kafka.log"; do
        process_pid kafka >/dev/null || { log_end kafka && return 1; }
        # A broker that was killed before it had joined is not there to be given up.
        (($(now_ms) - started < 30000)) || break
        sleep 0.1
    done
    service_down kafka >/dev/null 2>&1
}

kafka_has_fenced() { awk '/^--- / { done = 0 } /Fencing broker 1/ { done = 1 } END { exit !done }' "$1"; }

# Kafka answers when it has a coordinator for groups and one for transactions. An open port does not mean
# that much: on a new broker the first such question makes the internal topics, and until they are there
# clients are told to come again.
kafka_answers() {
    local kind
    for kind in '\x00' '\x01'; do
        kafka_coordinator "$kind" || return 1
    done
}

# FindCoordinator, version 2: error 0 is a yes.
kafka_coordinator() (
    exec 3<>"/dev/tcp/127.0.0.1/${ports[kafka]}" || exit 1
    # shellcheck disable=SC2059 # the kind is part of the bytes
    printf '\0\0\0\x17\0\x0a\0\x02\0\0\0\x07\0\x05local\0\x05local'"$1" >&3
    # size, correlation id, throttle time (4 bytes each), error (2 bytes)
    read -ra answer < <(timeout 5 head -c 14 <&3 | od -An -v -tu1 -w14)
    ((${#answer[@]} == 14 && answer[7] == 7 && answer[12] == 0 && answer[13] == 0))
) 2>/dev/null

# ---- Schema registry --------------------------------------------------------------------------

# Its store is a file: ids of schemas stand in every record and must survive a restart. H2 would write
# an answered commit half a second later (WRITE_DELAY), too late for a kill.
# Its temporary files are private: under /tmp they would be another user's.
registry_run() {
    rm -rf "$dir/registry/tmp" && mkdir "$dir/registry/tmp" || return 1
    process_start registry env QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT="${ports[registry]}" \
        QUARKUS_LOG_LEVEL=WARN REGISTRY_DATASOURCE_URL="jdbc:h2:file:$dir/registry/h2;WRITE_DELAY=0" \
        java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
        -Djava.io.tmpdir="$dir/registry/tmp" -jar "$registry_home/apicurio-registry-app-$registry_version-runner.jar"
}

registry_answers() {
    [[ $(http_get "${ports[registry]}" /apis/ccompat/v7/subjects) == 200* ]]
}

# ---- The workers ----------------------------------------------------------------------------------

scoring_run() { worker_run scoring; }
scoring_answers() { worker_answers scoring; }
retention_run() { worker_run retention; }
retention_answers() { worker_answers retention; }

worker_run() {
    process_start "$1" env METRICS_PORT="${ports[$1]}" "$bin/retentionai-$1"
}

worker_answers() {
    local answer
    answer=$(http_get "${ports[$1]}" /readyz) || return 1
    [[ $answer == 200* ]] || { echo "is not ready: ${answer#* }" && return 1; }
}

# ---- The HTTP interface -----------------------------------------------------------------------------

gateway_run() {
    secret_key_ensure || return 1
    process_start gateway env HTTP_PORT="${ports[gateway]}" METRICS_PORT="${ports[gateway_metrics]}" \
        "$bin/retentionai-gateway"
}

# What the keys of tokens are sealed with: made once for the directory, readable by its owner alone.
secret_key_ensure() {
    local file=$dir/secrets/secret-key
    [[ -s $file ]] && return
    { head -c 48 /dev/urandom | base64 -w 0 >"$file.new" && chmod 600 "$file.new" && mv "$file.new" "$file"; } || {
        step gateway "cannot write $file"
        return 1
    }
}

gateway_answers() { worker_answers gateway; }

# ---- The stand-in for a language model --------------------------------------------------------------

stub-llm_run() {
    process_start stub-llm "$bin/retentionai-stub-llm" --port "${ports[stub-llm]}" --latency 200ms-2s
}

stub-llm_answers() { [[ $(http_get "${ports[stub-llm]}" /livez) == 200* ]]; }

# ---- All of them --------------------------------------------------------------------------------

service_ports() {
    case $1 in
    kafka) echo kafka kafka_controller ;;
    gateway) echo gateway gateway_metrics ;;
    *) echo "$1" ;;
    esac
}

# service_up NAME: runs and answers, or says why not.
service_up() {
    local name=$1 pid port owner start
    start=$(now_ms)
    if pid=$(process_pid "$name"); then
        wait_answer "$name" "${start_seconds[$name]}" || return 1
        step "$name" "runs (process $pid, port ${ports[$name]})"
        return
    fi
    if [[ -f $dir/run/$name.pid ]]; then
        step "$name" "was not stopped but is gone (killed, or the machine was restarted): starting it again"
        rm -f "$dir/run/$name.pid"
    fi
    for port in $(service_ports "$name"); do
        # What a killed server leaves behind (PostgreSQL's own children) goes away by itself.
        for _ in {1..30}; do
            owner=$(port_owner "${ports[$port]}") || continue 2
            sleep 0.1
        done
        step "$name" "port ${ports[$port]} is taken by $owner; stop that, set $(port_variable "$port") to another port, or call up --free-ports"
        return 1
    done
    "${name}_run" && wait_pid_file "$name" &&
        wait_answer "$name" "${start_seconds[$name]}" || return 1
    step "$name" "is up on 127.0.0.1:${ports[$name]} ($(seconds_since "$start") s)"
}

# Started, and not stopped since; it may have died.
service_is_wanted() { [[ -f $dir/run/$1.pid ]]; }

wait_pid_file() {
    for _ in {1..100}; do
        [[ -f $dir/run/$1.pid ]] && return
        sleep 0.02
    done
    step "$1" "could not be started, see $dir/log/$1.log"
    return 1
}

service_down() { process_stop "$1" "${stop_signal[$1]}" "${stop_seconds[$1]}"; }

# services_up NAME..: side by side; each says its own line.
services_up() {
    local name jobs=() failed=0
    for name; do
        service_up "$name" &
        jobs+=($!)
    done
    for name in "${jobs[@]}"; do
        wait "$name" || failed=1
    done
    return $failed
}
