# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The demonstration: the employees of models/data as one import with its own source name and event
# time, followed to the end: a score each, and a plan for each who is at high risk. What is on Kafka
# and what is in PostgreSQL is counted separately (our decoder here, psql there), and then compared
# field by field in SQL. Because topics are read from the start of this run on and everything is
# selected by its event time, what was there before, other runs and garbage alike, does not disturb
# it. Only a plan may be of an earlier run: who is still at high risk keeps the plan that there is.

demo_csv=$repo/models/data/employees.csv
demo_deadline=60

# Of those at high risk in a run the episode that they are in (or were, a short while ago): its plan may
# be of an earlier run. Whoever leaves before it is made gets none.
demo_episodes="CREATE TEMPORARY TABLE due AS SELECT DISTINCT ON (e.employee_id) e.employee_id, e.opened_by
    FROM risk_episode e JOIN predictions_history t USING (employee_id)
    WHERE t.event_time = :'at' AND t.band = 'high' AND e.closed_reason IS DISTINCT FROM 'left'
    ORDER BY e.employee_id, e.opened_at DESC;"
demo_maker="CASE generated_by WHEN 'rules' THEN 'our own rules' ELSE generated_by || coalesce(' (' || model_name || ')', '') END"

cmd_demo() {
    local work event_time source expected began ended topic status argument
    for argument; do
        [[ $argument == @(--stub-llm|--free-ports) ]] || misuse "demo does not know $argument"
    done
    # Two at once would count each other's employees.
    dir_open
    dir_lock demo.lock "demo runs in"
    cmd_up "$@"
    work=$dir/demo
    trap 'rm -rf "$dir/demo"' EXIT
    rm -rf "$work" && mkdir "$work" || exit 1

    expected=$(($(wc -l <"$demo_csv") - 1))
    event_time=$(date -u +%FT%T.%3NZ)
    source=demo-${event_time//[:.]/-}
    say ""
    say "$expected employees (models/data) as source $source, event time $event_time"
    began=$(now_ms)
    "$bin/retentionai-hris" --source "$source" --event-time "$event_time" "$demo_csv" </dev/null ||
        die "retentionai-hris says that not every row arrived (status $?)"
    ended=$(demo_wait "$expected" "$event_time") || exit 1
    demo_wait_plans "$event_time" || exit 1

    for topic in employee-changes predictions high-risk; do
        demo_consume "$topic" --since "$event_time" --event-time "$event_time" >"$work/$topic" || exit 1
    done
    demo_consume dead-letters --since "$event_time" >"$work/dead-letters" || exit 1
    # A plan that stands is not made again: those of earlier runs count.
    demo_consume retention-plans >"$work/retention-plans" || exit 1
    demo_report "$work" "$event_time" "$expected" $((ended - began))
    status=$?
    demo_http || status=1
    demo_next "$event_time"
    return "$status"
}

# demo_consume TOPIC OPTION..: what is on the topic, decoded, one JSON object a line.
demo_consume() {
    timeout 60 "$bin/retentionctl" consume "$1" --json "${@:2}" </dev/null || {
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

# demo_wait_plans EVENT_TIME: until each of those episodes has its plan. A language model may take its
# time, so the deadline is that of the next one.
demo_wait_plans() {
    local end=0 counts last=
    while :; do
        counts=$(sql retentionai -At -F' of ' -v at="$1" <<<"$demo_episodes
            SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM retention_plan p
                WHERE p.prediction_id = opened_by AND p.request_id IS NULL)), count(*) FROM due") || return 1
        if [[ $counts != "$last" ]]; then
            step plans "$counts"
            last=$counts end=$(($(now_ms) + demo_deadline * 1000))
        fi
        [[ ${counts% of *} == "${counts#* of }" ]] && return
        if ! process_pid retention >/dev/null; then
            step retention "ended after $counts plans; its log ($dir/log/retention.log) says:"
            log_end retention
            return 1
        fi
        if (($(now_ms) >= end)); then
            say "no plan came for $demo_deadline s: docker/local status, docker/local logs retention, $bin/retentionctl plans status"
            return 1
        fi
        sleep 0.5
    done
}

# demo_report WORK EVENT_TIME EXPECTED MILLISECONDS: the summary; 0 only when every line of it agrees.
demo_report() {
    local work=$1 event_time=$2 expected=$3 took=$4 all_agree=1 differing
    local -A pg=()
    local name value
    # The records of the topic as one column; a separator that JSON cannot contain keeps them whole.
    if ! (cd "$work" && sql retentionai -At -F= -v at="$event_time") >"$work/counts" <<SQL; then
CREATE TEMPORARY TABLE line (record json);
\\copy line FROM 'predictions' WITH (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')
CREATE TEMPORARY TABLE on_kafka AS SELECT * FROM line, json_to_record(record) AS r (
    prediction_id text, employee_id text, event_id text, churn_probability float8, band text,
    threshold float8, model_id text, base_log_odds float8, reason_1 text, weight_1 float8,
    reason_2 text, weight_2 float8, reason_3 text, weight_3 float8, department text, job_role text,
    source_topic text, source_partition int, source_offset bigint);
CREATE TEMPORARY TABLE in_table AS SELECT * FROM predictions_history WHERE event_time = :'at';
CREATE TEMPORARY TABLE plan_line (record json);
\\copy plan_line FROM 'retention-plans' WITH (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')
CREATE TEMPORARY TABLE plan_on_kafka AS SELECT r.* FROM plan_line, json_to_record(record) AS r (
    plan_id text, prediction_id text, employee_id text, status text, action_1 text, action_2 text,
    action_3 text, generated_by text, request_id text) WHERE request_id IS NULL;
$demo_episodes
-- An episode's plan belongs to the prediction that opened it.
CREATE TEMPORARY TABLE planned AS SELECT p.* FROM due d
    JOIN predictions_history h ON h.id = d.opened_by AND h.employee_id = d.employee_id AND h.band = 'high'
    JOIN retention_plan p ON p.prediction_id = h.id AND p.employee_id = h.employee_id AND p.request_id IS NULL
    WHERE p.action_1 <> p.action_2 AND p.action_2 <> p.action_3 AND p.action_3 <> p.action_1;
SELECT 'rows', count(*) FROM in_table;
SELECT 'employees', count(*) FROM employee WHERE event_time = :'at';
SELECT 'scored', count(DISTINCT employee_id) FROM in_table;
SELECT 'high', count(*) FROM in_table WHERE band = 'high';
-- An episode that ended a short while ago keeps a new one from opening (lib/domain/risk.h).
SELECT 'no_episode', count(*) FROM in_table t WHERE band = 'high' AND NOT EXISTS (
    SELECT FROM risk_episode e WHERE e.employee_id = t.employee_id
        AND (e.closed_at IS NULL OR e.closed_at > now() - interval '7 days'));
SELECT 'due', count(*) FROM due;
SELECT 'one_plan', count(*) FROM (SELECT employee_id FROM planned GROUP BY 1 HAVING count(*) = 1) AS one;
SELECT 'one_on_kafka', count(*) FROM (SELECT k.prediction_id FROM plan_on_kafka k JOIN planned p
    USING (plan_id, prediction_id, employee_id, status, action_1, action_2, action_3, generated_by)
    WHERE (SELECT count(*) FROM plan_on_kafka o WHERE o.prediction_id = k.prediction_id) = 1) AS one;
SELECT 'makers', string_agg(count || ' by ' || maker, ', ' ORDER BY count DESC, maker) FROM (
    SELECT count(*), $demo_maker AS maker FROM planned GROUP BY maker) AS made;
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
    demo_line "  with one plan of three actions" "${pg[one_plan]}" "${pg[due]}"
    demo_line "  and the same on Kafka" "${pg[one_on_kafka]}" "${pg[due]}"
    [[ -z ${pg[makers]} ]] || echo "    ${pg[makers]}."
    if service_is_wanted stub-llm; then
        if [[ ${pg[makers]} == *gemini* ]]; then
            echo "    (gemini is the stand-in for it: what it says is made up.)"
        else
            echo "    (An earlier run made them, and a risk episode has one plan: down --wipe before this shows the stand-in's.)"
        fi
    fi
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
    sql retentionai -At -v at="$event_time" <<<"$demo_example" || all_agree=0
    if ((all_agree)); then
        echo "Every count agrees."
    else
        echo "NOT every count agrees: see the lines marked with <--."
        return 1
    fi
}

# One plan in words: of the most likely to leave.
demo_example="$demo_episodes
SELECT format(E'The plan for employee %s, by %s:\n  1. %s\n  2. %s\n  3. %s\n', due.employee_id,
    $demo_maker, action_1, action_2, action_3)
FROM due JOIN retention_plan p ON p.prediction_id = opened_by JOIN predictions_history h ON h.id = opened_by
WHERE request_id IS NULL ORDER BY h.probability DESC, due.employee_id LIMIT 1"

# demo_line WHAT FOUND EXPECTED [WHY]: clears all_agree of demo_report when the two differ.
demo_line() {
    if [[ $2 == "$3" ]]; then
        printf '  %-32s %7d%s\n' "$1" "$2" "${4:+  $4}"
    else
        printf '  %-32s %7s  <-- should be %s\n' "$1" "$2" "$3"
        all_agree=0
    fi
}

# A person as the first RetentionAI was told of one.
demo_person='{"Age": 41, "BusinessTravel": "Travel_Rarely", "Department": "Sales", "Education": 2,
 "EducationField": "Life Sciences", "EnvironmentSatisfaction": 2, "Gender": "Female", "JobInvolvement": 3,
 "JobLevel": 1, "JobRole": "Sales Executive", "JobSatisfaction": 4, "MaritalStatus": "Single", "MonthlyIncome": 2993,
 "OverTime": "Yes", "PerformanceRating": 3, "RelationshipSatisfaction": 1, "StockOptionLevel": 0,
 "TotalWorkingYears": 8, "WorkLifeBalance": 1, "YearsAtCompany": 6, "YearsInCurrentRole": 4, "YearsWithCurrManager": 5}'

# demo_post PATH JSON [CURL-ARGUMENT..]: the answer; a status of 400 and more fails, but its words are printed.
demo_post() {
    curl -sS --max-time 60 --fail-with-body -H 'Content-Type: application/json' --data "$2" "${@:3}" \
        "http://127.0.0.1:${ports[gateway]}$1"
}

# demo_field NAME: of the JSON on standard input; numbers and texts without quotes inside.
demo_field() { sed -nE "s/.*\"$1\":\"?([^\",}]*)\"?[,}].*/\1/p"; }

# The four calls of the first RetentionAI, over HTTP. Whoever was registered by an earlier run is.
demo_http() {
    local account='{"username":"hr_manager","password":"securepassword"}' said token employee plan
    echo
    echo "Over HTTP (http://127.0.0.1:${ports[gateway]}/docs), a person as the first RetentionAI was told of one:"
    said=$(demo_post /register "$account" 2>&1) || [[ $said == *'"username-taken"'* ]] || { say "/register: $said"; return 1; }
    said=$(demo_post /login "$account") || { say "/login: $said"; return 1; }
    token=$(demo_field access_token <<<"$said")
    said=$(demo_post /predict "$demo_person" -H "Authorization: Bearer $token") || { say "/predict: $said"; return 1; }
    echo "  POST /predict"
    echo "    $said"
    employee=$(demo_field employe_id <<<"$said")
    plan="{\"employe_id\":$employee}"
    said=$(demo_post /generate-retention-plan "$plan" -H "Authorization: Bearer $token") ||
        { say "/generate-retention-plan: $said"; return 1; }
    echo "  POST /generate-retention-plan $plan"
    echo "    $said"
    [[ $said == *'"retention_plan":["'* ]] || { say "that is no plan of three actions"; return 1; }
}

demo_next() {
    local me=$repo/docker/local here=${bin#"$called_from/"}
    printf -v me %q "${me#"$called_from/"}"
    printf -v here %q "$here"
    [[ $dir == "$repo/.local" ]] || me="$me --dir $(printf %q "$dir")"
    cat <<NEXT

Where to look next:
  $me psql -c "SELECT employee_id, probability, reason_1 FROM current_prediction ORDER BY 2 DESC LIMIT 20"
  (set -a; . <($me env); $here/retentionctl consume predictions --event-time $1 | head)
  (set -a; . <($me env); $here/retentionctl lag)
  (set -a; . <($me env); $here/retentionctl plans list --limit 5)
  http://127.0.0.1:${ports[gateway]}/docs (user hr_manager, password securepassword)
  metrics: http://127.0.0.1:${ports[scoring]}/metrics (scoring), http://127.0.0.1:${ports[retention]}/metrics (retention),
           http://127.0.0.1:${ports[gateway_metrics]}/metrics (gateway)
  logs: $me logs scoring    stop: $me down
NEXT
}
