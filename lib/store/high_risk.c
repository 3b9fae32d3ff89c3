// SPDX-License-Identifier: MIT
#include "store/high_risk.h"

#include "domain/storable.h"
#include "store/predictions.h"
#include "store/sql.h"

// Facts are two arrays of the same length: they can be made into JSON in SQL (jsonb_object), and
// read here without a parser.

enum { FIELDS = 13 };

// The columns of facts_copy.sql.
static void put_row(struct copy *copy, const struct high_risk_record *record)
{
    const struct prediction *p = &record->prediction;
    const struct bytes *facts = record->fact_count > 0 ? record->facts[0] : NULL;
    copy_row(copy, FIELDS);
    copy_text(copy, p->prediction_id);
    copy_text(copy, p->employee_id);
    copy_time_ms(copy, p->scored_at_ms);
    copy_text(copy, bytes_from_string(band_name(p->band)));
    copy_float8(copy, p->churn_probability);
    predictions_put_reasons(copy, p);
    copy_texts(copy, facts, record->fact_count, 2);
    copy_texts(copy, facts == NULL ? NULL : facts + 1, record->fact_count, 2);
}

enum err high_risk_store(struct pg *pg, const struct high_risk_record *records, size_t count,
                         struct copy *copy, bool is_careful, struct append_result *ret,
                         struct why *why)
{
    static const struct append_table table = {sql_facts_copy, sql_facts_incoming,
                                              sql_facts_incoming_copy, sql_facts_insert_new,
                                              sql_facts_conflicts};
    copy_begin(copy);
    for (size_t i = 0; i < count; i++)
        put_row(copy, &records[i]);
    return append_rows(&table, pg, copy, is_careful, ret, NULL, why);
}

enum err high_risk_check(const struct high_risk_record *record, struct why *why)
{
    const struct predictions_record prediction = {.prediction = record->prediction};
    enum err err = predictions_check(&prediction, why);
    bool is_good = record->fact_count <= PLAN_FACTS_MAX;
    for (size_t i = 0; is_good && i < record->fact_count; i++)
        is_good = storable_id(record->facts[i][0], PLAN_FACT_BYTES_MAX) &&
                  storable_text(record->facts[i][1], PLAN_FACT_BYTES_MAX);
    if (err == ERR_OK && !is_good)
        err = why_code(why, ERR_REJECT, "bad-fact",
                       "the facts are more than %d, or one is too long or has a zero byte",
                       PLAN_FACTS_MAX);
    return err;
}
