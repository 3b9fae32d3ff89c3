# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The demonstration: the employees of models/data as one import with its own source name and event
# time, followed to the end. What is on Kafka and what is in PostgreSQL is counted separately (our
# decoder here, psql there), and then compared field by field in SQL. Because topics are read from the
# start of this run on and everything is selected by its event time, what was there before, other runs
# and garbage alike, does not disturb it.

demo_csv=$repo/models/data/employees.csv
demo_deadline=60

cmd_demo() {
    local work event_time source expected began ended topic status
    [[ $# == 0 || $* == --stub-llm ]] || misuse "demo takes no arguments but --stub-llm"
    cmd_up "$@"
    work=$(mktemp -d "$dir/demo.XXXXXX") || exit 1
    # shellcheck disable=SC2064 # the name as it is now
    trap "rm -rf '$work'" EXIT

    expected=$(($(wc -l <"$demo_csv") - 1))
    event_time=$(date -u +%FT%T.%3NZ)
    source=demo-${event_time//[:.]/-}
    say ""
    say "$expected employees (models/data) as source $source, event time $event_time"
    began=$(now_ms)
    "$bin/retentionai-hris" --source "$source" --event-time "$event_time" "$demo_csv" </dev/null ||
        die "retentionai-hris says that not every row arrived (status $?)"
    ended=$(demo_wait "$expected" "$event_time") || exit 1

    for topic in employee-changes predictions high-risk; do
        demo_consume "$topic" --event-time "$event_time" >"$work/$topic" || exit 1
    done
    demo_consume dead-letters >"$work/dead-letters" || exit 1
    demo_report "$work" "$event_time" "$expected" $((ended - began))
    status=$?
    demo_next "$event_time"
    return "$status"
}

# demo_consume TOPIC OPTION..: what came onto the topic in this run, decoded, one JSON object a line.
demo_consume() {
    timeout 60 "$bin/retentionctl" consume "$1" --json --since "$event_time" "${@:2}" </dev/null || {
        say "retentionctl consume $1 failed (status $?)"
        return 1
    }
}

# demo_wait EXPECTED EVENT_TIME: until PostgreSQL has that many rows -> the time then, in ms.
demo_wait() {
    local end rows last=-1
    end=$(($(now_ms) + demo_deadline * 1000))
    while :; do
        rows=$(sql retentionai -At -v at="$2" <<<"SELECT count(*) FROM predictions_history WHERE event_time = :'at'") ||
            return 1
        ((rows == last)) || step rows "$rows of $1"
        last=$rows
        ((rows >= $1)) && break
        if ! process_pid scoring >/dev/null; then
            step scoring "ended after $rows of $1 rows; its log ($dir/log/scoring.log) says:"
            log_end scoring
            return 1
        fi
        if (($(now_ms) >= end)); then
            say "only $rows of $1 rows after $demo_deadline s: docker/local logs scoring, $bin/retentionctl lag"
            return 1
        fi
        sleep 0.05
    done
    now_ms
}

# demo_report WORK EVENT_TIME EXPECTED MILLISECONDS: the summary; 0 only when every line of it agrees.
demo_report() {
    local work=$1 event_time=$2 expected=$3 took=$4 all_agree=1 differing
    local -A pg=()
    local name value
    # The records of the topic as one column; a separator that JSON cannot contain keeps them whole.
    if ! sql retentionai -At -F= -v at="$event_time" >"$work/counts" <<SQL; then
CREATE TEMPORARY TABLE line (record json);
\\copy line FROM '$work/predictions' WITH (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')
CREATE TEMPORARY TABLE on_kafka AS SELECT * FROM line, json_to_record(record) AS r (
    prediction_id text, employee_id text, event_id text, churn_probability float8, band text,
    threshold float8, model_id text, base_log_odds float8, reason_1 text, weight_1 float8,
    reason_2 text, weight_2 float8, reason_3 text, weight_3 float8, department text, job_role text,
    source_topic text, source_partition int, source_offset bigint);
CREATE TEMPORARY TABLE in_table AS SELECT * FROM predictions_history WHERE event_time = :'at';
SELECT 'rows', count(*) FROM in_table;
SELECT 'employees', count(*) FROM employee WHERE event_time = :'at';
SELECT 'scored', count(DISTINCT employee_id) FROM in_table;
SELECT 'high', count(*) FROM in_table WHERE band = 'high';
-- An episode that ended a short while ago keeps a new one from opening (lib/domain/risk.h).
SELECT 'no_episode', count(*) FROM in_table t WHERE band = 'high' AND NOT EXISTS (
    SELECT FROM risk_episode e WHERE e.employee_id = t.employee_id
        AND (e.closed_at IS NULL OR e.closed_at > now() - interval '7 days'));
-- A double is equal when its eight bytes are.
SELECT 'differing', count(*) FROM on_kafka k FULL JOIN in_table t ON k.prediction_id = t.id
    WHERE (k.prediction_id, float8send(k.churn_probability), float8send(k.base_log_odds), float8send(k.threshold),
           float8send(k.weight_1), float8send(k.weight_2), float8send(k.weight_3),
           k.employee_id, k.event_id, k.band, k.model_id, k.reason_1, k.reason_2, k.reason_3, k.department,
           k.job_role, k.source_topic, k.source_partition, k.source_offset)
        IS DISTINCT FROM
          (t.id, float8send(t.probability), float8send(t.base_log_odds), float8send(t.threshold),
           float8send(t.weight_1), float8send(t.weight_2), float8send(t.weight_3),
           t.employee_id, t.event_id, t.band, t.model_id, t.reason_1, t.reason_2, t.reason_3, t.department,
           t.job_role, t.source_topic, t.source_partition, t.source_offset);
SQL
        say "the comparison in PostgreSQL failed"
        return 1
    fi
    while IFS='=' read -r name value; do
        pg[$name]=$value
    done <"$work/counts"
    differing=${pg[differing]}

    echo
    demo_line "events on employee-changes" "$(wc -l <"$work/employee-changes")" "$expected"
    demo_line "scores on predictions" "$(wc -l <"$work/predictions")" "$expected"
    demo_line "rows in predictions_history" "${pg[rows]}" "$expected"
    demo_line "employees scored" "${pg[scored]}" "$expected"
    demo_line "rows in employee" "${pg[employees]}" "$expected"
    demo_line "dead letters" "$(wc -l <"$work/dead-letters")" 0
    demo_line "at high risk, in PostgreSQL" "${pg[high]}" "$(wc -l <"$work/high-risk")" "as on high-risk"
    demo_line "  without a risk episode" "${pg[no_episode]}" 0
    demo_line "rows that differ from Kafka" "$differing" 0
    ((differing == 0)) && echo "  Kafka and PostgreSQL are equal to the last bit."
    awk -v n="$expected" -v ms="$took" 'BEGIN {
        printf "  %.2f s from the start of the import to the last row: %.0f events per second.\n", ms / 1000, n * 1000 / ms }'
    echo
    echo "The five most likely to leave, with the strongest reasons and their log-odds:"
    sql retentionai -P footer=off -P border=1 -v at="$event_time" <<'SQL' || all_agree=0
SELECT employee_id AS employee, job_role AS role, to_char(100 * probability, '990.0') || ' %' AS leaves,
       reason_1 || to_char(weight_1, ' FMSG990.00') AS "reason 1",
       reason_2 || to_char(weight_2, ' FMSG990.00') AS "reason 2",
       reason_3 || to_char(weight_3, ' FMSG990.00') AS "reason 3"
FROM predictions_history WHERE event_time = :'at' AND probability IS NOT NULL
ORDER BY probability DESC, employee_id LIMIT 5
SQL
    if ((all_agree)); then
        echo "Every count agrees."
    else
        echo "NOT every count agrees: see the lines marked with <--."
        return 1
    fi
}

# demo_line WHAT FOUND EXPECTED [WHY]: clears all_agree of demo_report when the two differ.
demo_line() {
    if [[ $2 == "$3" ]]; then
        printf '  %-30s %7d%s\n' "$1" "$2" "${4:+  $4}"
    else
        printf '  %-30s %7s  <-- should be %s\n' "$1" "$2" "$3"
        all_agree=0
    fi
}

demo_next() {
    local me=docker/local
    [[ $dir == "$repo/.local" ]] || me="docker/local --dir $dir"
    cat <<NEXT

Where to look next:
  $me psql -c "SELECT employee_id, probability, reason_1 FROM current_prediction ORDER BY 2 DESC LIMIT 20"
  (set -a; . <($me env); build/release/bin/retentionctl consume predictions --event-time $1 | head)
  (set -a; . <($me env); build/release/bin/retentionctl lag)
  metrics: http://127.0.0.1:${ports[scoring]}/metrics    logs: $me logs scoring    stop: $me down
NEXT
}
